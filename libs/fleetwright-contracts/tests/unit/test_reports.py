"""The same findings for people and for programs."""

import json

import pytest

from fleetwright_contracts import REPORTS, Files, Finding, Severity, Witness, load

FINDINGS = [
    Finding(
        "request-narrowed",
        Severity.ERROR,
        "POST /orders request",
        "a value that was allowed is refused",
        pointer="/paths/~1orders/post",
        witness=Witness({"qty": 0, "note": "a|b"}),
        mend="allow it again",
    ),
    Finding(
        "status-added", Severity.NOTE, "GET /a", "409, too\nand more", is_in_old=True
    ),
]
FILES = Files(
    "old.json",
    "new.yaml",
    new_text="openapi: 3.1.0\npaths:\n  /orders:\n    post: {}\n",
)


def test_text_is_read_from_top_to_bottom() -> None:
    """What, where, the value, the mend, and a last line that sums up."""
    assert REPORTS["text"](FINDINGS[:1], FILES) == (
        "ERROR  POST /orders request  (request-narrowed)\n"
        "  a value that was allowed is refused\n"
        '  witness: {"qty": 0, "note": "a|b"}\n'
        "  at new.yaml#/paths/~1orders/post\n"
        "  hint: allow it again\n"
        "\n"
        "breaks: 1 break"
    )
    assert REPORTS["text"]([], None) == "fits: nothing to tell"


def test_markdown_stays_within_its_cells() -> None:
    """Neither bars nor ends of lines break the table."""
    lines = REPORTS["markdown"](FINDINGS, FILES).splitlines()

    assert lines[0] == "**breaks: 1 break, 1 to know**"
    assert '`` {"qty": 0, "note": "a\\|b"} ``' in lines[4]
    assert lines[5] == "| note | GET /a | 409, too and more |  |"


def test_json_has_a_witness_only_where_there_is_one() -> None:
    """Null is a value, too."""
    null = Finding("a", Severity.ERROR, "b", "c", witness=Witness(None))

    document = json.loads(REPORTS["json"]([*FINDINGS, null], FILES))

    assert document["verdict"] == "breaks"
    assert [one.get("witness", "none") for one in document["findings"]] == [
        {"qty": 0, "note": "a|b"},
        "none",
        None,
    ]
    assert document["findings"][1]["file"] == "old.json"
    assert document["findings"][0]["fingerprint"].startswith("FC-")


def test_sarif_has_rules_levels_and_lines() -> None:
    """As code hosts read it."""
    run = json.loads(REPORTS["sarif"](FINDINGS, FILES))["runs"][0]

    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "request-narrowed",
        "status-added",
    ]
    assert [result["level"] for result in run["results"]] == ["error", "note"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "new.yaml"
    assert place["region"]["startLine"] == 4


def test_annotations_are_one_a_line() -> None:
    """Ends of lines and signs of the protocol are written otherwise."""
    lines = REPORTS["github"](FINDINGS, FILES).splitlines()

    assert lines[0].startswith(
        "::error file=new.yaml,line=4,title=request-narrowed::POST /orders request: "
    )
    assert lines[1] == (
        "::notice file=old.json,line=1,title=status-added::GET /a: 409, too%0Aand more"
    )


@pytest.mark.parametrize("name", REPORTS)
def test_long_witness_is_cut(name: str) -> None:
    """A report stays readable, whatever the value is."""
    finding = Finding("a", Severity.ERROR, "b", "c", witness=Witness("x" * 9000))

    assert len(REPORTS[name]([finding], None)) < (12_000 if name == "json" else 3000)


def test_load_is_public() -> None:
    """Who compares two files needs nothing else."""
    assert callable(load)
