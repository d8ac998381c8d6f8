"""A deviation needs a reason, two owners and an end."""

from datetime import date
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli.standard import check, debt

if TYPE_CHECKING:
    from standard.conftest import Made

TODAY = date(2026, 6, 1)
HEAD = '[fleet]\nname = "shop"\n\n[[waivers]]\n'
GOOD = {
    "rule": '"ENV-02"',
    "where": '".python-version"',
    "reason": '"Our machines have one Python each, by their image."',
    "approved_by": '["platform", "shop/money"]',
    "since": "2026-01-01",
    "until": "2026-12-31",
}


def waiver(**changed: str) -> str:
    """Return a fleet.toml with one waiver; an empty value leaves a key out."""
    keys = {**GOOD, **changed}
    return HEAD + "".join(f"{key} = {one}\n" for key, one in keys.items() if one)


def told(fleet: "Made", **changed: str) -> list[str]:
    """Return what fails in a fleet without .python-version and with a waiver."""
    files = {"fleet.toml": waiver(**changed), ".python-version": None}
    report = check(fleet(files), today=TODAY)
    return [f"{one.rule.id} {one.breach.what}" for one in report.failing]


def test_waiver_excuses_its_breach(fleet: "Made") -> None:
    """With all it needs it is in the way of nothing."""
    assert told(fleet) == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"reason": '"later"'}, "has a reason of 5 characters and needs 20"),
        ({"reason": ""}, "has a reason of 0 characters and needs 20"),
        ({"since": ""}, "does not say since when"),
        ({"until": ""}, "does not say until when"),
        ({"where": '"*"'}, "covers `*`: name the file or folder it is for"),
        ({"where": '"services/*/**"'}, "covers `services/*/**`: name the file or"),
        ({"where": '"services/**/*.py"'}, "covers `services/**/*.py`: name the"),
        ({"since": "2027-01-01"}, "ends on 2026-12-31, before it begins on 2027-01-01"),
        ({"rule": '"ENV-99"'}, "names a rule that there is not"),
        ({"design_doc": '"docs/design/none.md"'}, "names docs/design/none.md, which"),
        ({"rule": '"CON-01"'}, "is of a MUST and needs a design document"),
        ({"where": '"services/billing"'}, "excuses nothing: the rule is kept there"),
    ],
)
def test_waiver_that_lacks_something_is_a_breach(
    fleet: "Made", changed: dict[str, str], fault: str
) -> None:
    """Each fault is told, at the waiver."""
    assert any(
        one.startswith("WVR-02 the waiver of") and fault in one
        for one in told(fleet, **changed)
    )


def test_waiver_that_has_ended_excuses_nothing(fleet: "Made") -> None:
    """On the day after its last, both the breach and the waiver are told."""
    found = told(fleet, until="2026-05-31")

    assert found[0] == "WVR-02 the waiver of ENV-02 ended on 2026-05-31"
    assert found[1] == "ENV-02 it is not there"


@pytest.mark.parametrize("where", ["services/*/src/*/clients.py", "services/b*/src"])
def test_one_file_of_each_service_is_a_place(fleet: "Made", where: str) -> None:
    """Only what covers all of every service covers too much."""
    assert not [one for one in told(fleet, where=f'"{where}"') if "covers" in one]


@pytest.mark.parametrize(
    "names",
    [
        "[]",
        '["platform"]',
        '["platform", "platform"]',
        '["platform", "@shop/Platform"]',
        '["platform", ""]',
    ],
)
def test_one_approver_is_no_consensus(fleet: "Made", names: str) -> None:
    """Two different ones must agree, however they are spelt."""
    found = told(fleet, approved_by=names)

    assert "WVR-03 the waiver of ENV-02 is approved by fewer than two" in found


def test_approver_must_be_known(fleet: "Made") -> None:
    """Whom CODEOWNERS does not name cannot agree to anything."""
    found = told(fleet, approved_by='["platform", "@nobody"]')

    assert found == [
        "WVR-03 the waiver of ENV-02 is approved by @nobody,"
        " whom CODEOWNERS does not know"
    ]


def test_waiver_of_waivers_excuses_nothing(fleet: "Made") -> None:
    """The rules about waivers cannot be waived."""
    found = told(fleet, rule='"WVR-02"', where='"fleet.toml"')

    assert "ENV-02 it is not there" in found
    assert any("excuses nothing" in one for one in found)


def test_place_is_told_with_its_line(fleet: "Made") -> None:
    """The second waiver is found where it stands."""
    second = waiver(reason='""').removeprefix('[fleet]\nname = "shop"\n')
    files = {"fleet.toml": waiver() + second, ".python-version": None}

    lines = {one.breach.line for one in check(fleet(files), today=TODAY).failing}

    assert lines == {12}


def test_debt_knows_age_and_what_it_covers(fleet: "Made") -> None:
    """The list of waivers counts days and breaches."""
    repository = fleet({"fleet.toml": waiver(), ".python-version": None})
    report = check(repository, today=TODAY)

    (owed,) = debt(repository, report.covered, TODAY)

    assert (owed.covers, owed.age_days, owed.left_days, owed.line) == (1, 151, 213, 4)


def test_star_stands_for_one_name(fleet: "Made") -> None:
    """`services/*/src` covers that folder of each service, and nothing beside it."""
    source = '"""Words."""\n\n\ndef word():\n    return 1\n'
    files = {
        "fleet.toml": waiver(rule='"DOC-04"', where='"services/*/src"'),
        "services/billing/src/billing/words.py": source,
        "libs/money/src/money/words.py": source,
    }

    report = check(fleet(files), today=TODAY)

    assert [one.breach.path for one in report.failing] == [
        "libs/money/src/money/words.py"
    ]
