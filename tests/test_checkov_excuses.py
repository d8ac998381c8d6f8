"""What is excused from a second opinion is excused for a reason, and still needed."""

import json

import pytest

from checkov_excuses import CONFIG, broken, faults, reasons

REPORT = json.dumps(
    [
        {"results": {"failed_checks": [{"check_id": "CKV_K8S_1"}]}},
        {"results": {"failed_checks": [{"check_id": "CKV_DOCKER_2"}]}},
    ]
)
NEEDED = {"CKV_K8S_1", "CKV_DOCKER_2"}
WHY = "a limit stops a process in the middle"


def test_every_excuse_has_a_reason() -> None:
    """Those of this repository, whatever checkov finds."""
    excused = reasons(CONFIG.read_text("utf-8"))

    assert excused
    assert list(faults(excused, excused)) == []


def test_excuse_that_nothing_needs_is_stale() -> None:
    """Who mends what was excused takes the excuse away."""
    excused = {"CKV_K8S_1": WHY, "CKV_K8S_9": WHY}

    assert list(faults(excused, broken(REPORT))) == [
        "CKV_K8S_9 is excused and kept: take the excuse away"
    ]


@pytest.mark.parametrize(
    "above", ["", "  # why not\n", f"  # {WHY}\n\n", f"  # {WHY}\n  - CKV_DOCKER_2\n"]
)
def test_bare_excuse_is_found(above: str) -> None:
    """No words, too few, or those of the excuse before."""
    config = f"skip-check:\n{above}  - CKV_K8S_1\nquiet: true\n"

    found = list(faults(reasons(config), NEEDED))

    assert found == ["CKV_K8S_1 is excused without a reason: write one above it"]


def test_report_of_one_framework_is_read_as_well() -> None:
    """Where no Dockerfile is, checkov writes no list; where nothing is, no results."""
    assert broken(json.dumps(json.loads(REPORT)[0])) == {"CKV_K8S_1"}
    assert broken('{"passed": 0, "failed": 0}') == set()
