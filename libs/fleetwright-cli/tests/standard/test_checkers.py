"""Cases beside the examples, most of them from real repositories."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fleetwright_cli.standard import check
from fleetwright_cli.standard._examples import files_of

if TYPE_CHECKING:
    from standard.conftest import Made

CASES = tomllib.loads(Path(__file__).with_name("cases.toml").read_text("utf-8"))


def named(case: dict[str, Any]) -> str:
    """Return what a case is called."""
    return str(case["name"])


@pytest.mark.parametrize("case", CASES["kept"], ids=named)
def test_what_only_looks_like_a_breach_is_none(
    fleet: "Made", case: dict[str, Any]
) -> None:
    """Each of these was, or would be, a false finding."""
    chosen = frozenset([case["rule"]])

    found = check(fleet(files_of(case["files"])), chosen=chosen).findings

    assert [one.breach for one in found] == []


@pytest.mark.parametrize("case", CASES["broken"], ids=named)
def test_other_ways_to_break_a_rule_are_seen(
    fleet: "Made", case: dict[str, Any]
) -> None:
    """Each place is found, and no place twice."""
    chosen = frozenset([case["rule"]])

    found = check(fleet(files_of(case["files"])), chosen=chosen).findings

    assert len(found) == case["count"], [one.breach for one in found]
