"""The rules are the standard, sentence by sentence."""

import re
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli.standard import (
    READABLE,
    SECTIONS,
    check,
    read_ones,
    rules,
    standard_text,
)
from fleetwright_cli.standard._checkers import checkers

if TYPE_CHECKING:
    from standard.conftest import Made

STATEMENTS = 133


def test_every_statement_of_the_standard_is_a_rule() -> None:
    """There are as many rules as statements, each in a section of the standard."""
    assert len(rules()) == STATEMENTS
    assert {one.section for one in rules().values()} == set(SECTIONS)
    assert all(re.fullmatch(r"[A-Z]{3}-\d\d", one) for one in rules())


@pytest.mark.parametrize("identity", rules())
def test_sentence_is_verbatim(identity: str) -> None:
    """What a finding quotes stands in the standard, in the line that it names."""
    rule = rules()[identity]

    assert rule.sentence in standard_text().splitlines()[rule.line - 1]


@pytest.mark.parametrize("number", SECTIONS)
def test_rule_stands_in_the_section_of_its_line(number: int) -> None:
    """The section of a rule is the one its line belongs to."""
    heads = {
        int(found[1]): line
        for line, text in enumerate(standard_text().splitlines(), 1)
        if (found := re.match(r"## \D+(\d+)\.", text))
        and SECTIONS.get(int(found[1]), "?") in text
    }
    end = heads.get(number + 1, len(standard_text().splitlines()))

    lines = [one.line for one in rules().values() if one.section == number]

    assert all(heads[number] < line <= end for line in lines)


@pytest.mark.parametrize("identity", checkers())
def test_checked_rule_says_how_why_and_mend(identity: str) -> None:
    """Whoever gets a finding can act on it."""
    rule = rules()[identity]

    assert rule.depth == "static"
    assert all((rule.how, rule.why, rule.mend, rule.good, rule.bad))


@pytest.mark.parametrize("identity", sorted(rules().keys() - checkers().keys()))
def test_unchecked_rule_says_why_not(identity: str) -> None:
    """A statement without a checker leans on another, or says what is open."""
    rule = rules()[identity]

    assert rule.how
    if rule.same_as:
        assert rule.same_as in checkers()
    elif rule.is_checked:
        assert rule.depth in {"tools", "deep"}
        assert all((rule.why, rule.mend, rule.good, rule.bad))
    else:
        assert rule.depth == "human"


def test_what_is_read_is_known_without_its_checkers() -> None:
    """The data of the rules says which of them have one."""
    assert read_ones() == checkers().keys()


def test_coverage_counts_each_statement_once(fleet: "Made") -> None:
    """Checked, human and open statements are all there are."""
    told = check(fleet({})).coverage

    assert told.statements == STATEMENTS
    assert told.checked + told.human + told.open == STATEMENTS
    assert told.deeper <= told.in_part <= told.checked
    assert told.checked == sum(
        (one.same_as or one.id) in checkers() for one in rules().values()
    )
    assert str(told).startswith(f"{told.checked} of 133 statements checked: ")


def test_rule_of_the_tool_itself_is_not_counted() -> None:
    """Being readable is asked for by the tool, not by the standard."""
    assert READABLE.id not in rules()
