"""Each rule catches its bad example and passes its good one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli.standard import check, open_repository, rules
from fleetwright_cli.standard._checkers import checkers
from fleetwright_cli.standard._examples import files_of

if TYPE_CHECKING:
    from standard.conftest import Made

ROOT = Path(__file__).resolve().parents[4]


def test_small_fleet_keeps_every_rule(fleet: "Made") -> None:
    """The fleet that the examples are laid over has no breach of its own."""
    report = check(fleet({}))

    assert [f"{one.rule.id} {one.breach}" for one in report.findings] == []


@pytest.mark.parametrize("identity", checkers())
def test_bad_example_is_caught(fleet: "Made", identity: str) -> None:
    """The breach is found, at a place that the example speaks of."""
    found = check(fleet(files_of(rules()[identity].bad)), chosen=frozenset([identity]))

    assert {one.rule.id for one in found.findings} == {identity}
    assert all(one.breach.line >= 1 for one in found.findings)
    assert all(one.breach.what.strip() for one in found.findings)


@pytest.mark.parametrize("identity", checkers())
def test_good_example_passes(fleet: "Made", identity: str) -> None:
    """What the standard asks for is not called a breach."""
    found = check(fleet(files_of(rules()[identity].good)), chosen=frozenset([identity]))

    assert [one.breach for one in found.findings] == []


def test_repository_of_this_tool_keeps_the_standard() -> None:
    """Nothing here fails but what fleet.toml excuses."""
    report = check(open_repository(ROOT))

    assert [f"{one.rule.id} {one.breach}" for one in report.failing] == []


def test_examples_can_be_written_as_files() -> None:
    """The text of an example holds paths, contents, and what is not there."""
    example = "--- a/b.txt\none\ntwo\n--- c.txt (absent)\n"

    assert files_of(example) == {"a/b.txt": "one\ntwo\n", "c.txt": None}
    assert json.dumps(files_of("")) == "{}"
