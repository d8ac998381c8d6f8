"""Pairs of others, with the answers that others gave."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fleetwright_contracts import (
    Verdict,
    compare_openapi,
    compare_schemas,
    verdict_of,
)

EXPECTED = {"compatible": Verdict.FITS, "breaking": Verdict.BREAKS}
# Behaviour that a validator may leave out, and documents that are not handed over.
BESIDE = {"optional", "remote_ref"}


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return the pairs of a file."""
    file = folder / name
    if not file.is_file():
        pytest.skip(f"{file} is not there")
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_suite_of_json_schema_is_decided_and_never_wrong(cases: Path) -> None:
    """Of what every validator must know, 98.5 % is decided, and all rightly."""
    tally: Counter[str] = Counter()
    wrong = []

    for case in read(cases, "jsts-d2020_12.jsonl"):
        if BESIDE & set(case["tags"]):
            continue
        judgement = compare_schemas(case["old"], case["new"])
        tally[judgement.verdict] += 1
        if judgement.verdict not in (EXPECTED[case["expected"]], Verdict.UNKNOWN):
            wrong.append((case["id"], judgement))

    assert wrong == []
    assert tally["unknown"] <= 0.015 * sum(tally.values()), tally


def test_realistic_changes_of_fastapi_are_all_right(cases: Path) -> None:
    """Of 45 changes 39 can be seen in the documents; six change nothing in them."""
    wrong, hidden = [], 0

    for case in read(cases, "fastapi.jsonl"):
        findings = compare_openapi(case["old"], case["new"])
        if case["old"] == case["new"]:
            hidden += 1
            assert findings == []
        elif verdict_of(findings) is not EXPECTED[case["expected"]]:
            wrong.append((case["id"], case["note"], findings))

    assert wrong == []
    assert hidden <= 8
