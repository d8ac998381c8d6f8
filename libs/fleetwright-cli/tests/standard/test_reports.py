"""The same findings for a person, a program, a scanner and a pull request."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from fleetwright_cli.standard import Report, check
from fleetwright_cli.standard._reports import (
    annotations_of,
    facts_of,
    markdown_of,
    text_of,
)
from fleetwright_cli.standard._sarif import sarif_of

if TYPE_CHECKING:
    from standard.conftest import Made

SCHEMA = Path(__file__).with_name("sarif-schema-2.1.0.json")
WAIVER = """\
[fleet]
name = "shop"

[[waivers]]
rule = "ENV-02"
where = ".python-version"
reason = "Our machines have one Python each, by their image."
approved_by = ["platform", "money"]
since = 2026-01-01
until = 2126-12-31
"""


@pytest.fixture
def report(fleet: "Made") -> Report:
    """Give two breaches of one rule and one that is waived."""
    return check(
        fleet(
            {
                "fleet.toml": WAIVER,
                ".python-version": None,
                "services/billing/.env": "A=1\n",
                "services/billing/.env.local": "A=1\n",
            }
        )
    )


def test_text_shows_sentence_place_reason_and_mend(report: Report) -> None:
    """Whoever reads it knows what to do, and how much was looked at."""
    lines = text_of(report).splitlines()

    assert lines[0].startswith("CFG-04  NEVER commit `.env`")
    assert "(section 6: NEVER commit `.env` files.)" in lines[0]
    assert lines[1] == "  services/billing/.env:1  it is in the repository"
    assert lines[4].startswith("hint: `git rm --cached .env`")
    assert lines[-2] == "2 breaches of 1 rule, 1 waived"
    assert "not looked at" not in text_of(report)
    assert "of 133 statements checked" in lines[-1]


def test_long_lists_are_cut_and_say_so(fleet: "Made") -> None:
    """A rule that is broken everywhere does not hide the others."""
    files = {f"services/billing/{n}/.env": "A=1\n" for n in range(15)}
    report = check(fleet(files), chosen=frozenset(["CFG-04"]))

    assert "and 3 more (`--all` shows them)" in text_of(report)
    assert "more" not in text_of(report, every=True)


def test_json_holds_every_finding_with_its_state(report: Report) -> None:
    """A program gets all that a person gets, and what is waived with its reason."""
    document: Any = json.loads(json.dumps(facts_of(report)))

    states = {one["rule"]: one["state"] for one in document["findings"]}
    assert states == {"ENV-02": "waived", "CFG-04": "breach"}
    assert document["summary"]["breaches"] == 2
    assert document["coverage"]["statements"] == 133
    assert {"sentence", "path", "line", "why", "mend"} <= document["findings"][0].keys()


def test_sarif_is_valid(report: Report) -> None:
    """It keeps to the schema of SARIF 2.1.0, and what is waived is suppressed."""
    log: Any = json.loads(json.dumps(sarif_of(report)))

    jsonschema.validate(log, json.loads(SCHEMA.read_text("utf-8")))
    results = log["runs"][0]["results"]
    known = log["runs"][0]["tool"]["driver"]["rules"]
    assert [known[one["ruleIndex"]]["id"] for one in results] == [
        one["ruleId"] for one in results
    ]
    assert [len(one.get("suppressions", [])) for one in results] == [1, 0, 0]


def test_annotations_stand_at_their_lines(report: Report) -> None:
    """GitHub gets one line for each breach, with its marks escaped."""
    lines = annotations_of(report).splitlines()

    where = "file=services/billing/.env,line=1,title=CFG-04"
    assert lines[0].startswith(f"::error {where}::it is in the repository")
    assert lines[-1] == "::notice title=fleet check::2 breaches of 1 rule, 1 waived"


def test_markdown_is_a_table(report: Report) -> None:
    """A pull request shows a row for each breach."""
    lines = markdown_of(report).splitlines()

    assert lines[0] == "### fleet check: 2 breaches of 1 rule, 1 waived"
    rows = [one for one in lines if one.startswith("| CFG-04 |")]
    assert len(rows) == 2
    assert all(one.count(" | ") == 3 for one in rows)


def test_report_without_a_breach_is_short(fleet: "Made") -> None:
    """Nothing found is two lines for a person, and no table."""
    report = check(fleet({}))

    assert text_of(report).splitlines()[0] == "no breach"
    assert "|---" not in markdown_of(report)


def test_libraries_that_are_left_out_are_named(fleet: "Made") -> None:
    """Who reads that there is no breach knows where nobody looked."""
    manifest = '[fleet]\nname = "shop"\nvendored = ["money"]\n'
    pyproject = '[project]\nname = "money"\nversion = "1"\n'
    files = {"fleet.toml": manifest, "libs/money/pyproject.toml": pyproject}
    report = check(fleet(files))

    told = "not looked at, because they came with the tool: libs/money"
    assert told in text_of(report).splitlines()
    assert '"vendored": ["libs/money"]' in json.dumps(facts_of(report))
