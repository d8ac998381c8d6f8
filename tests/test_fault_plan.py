"""What `fleet faults` writes is what the runtime reads."""

from pathlib import Path

from fleetwright._faults import FaultList
from fleetwright_cli.local._fault_plan import changing, ends_at


def test_runtime_reads_every_word_the_tool_writes(tmp_path: Path) -> None:
    """Tool and runtime share a file, not code: this holds them together."""
    file = tmp_path / "faults.json"
    with changing(file) as plan:
        plan.seed = 7
        plan.add(
            {
                "edge": "orders->catalog",
                "at": "caller",
                "delay_seconds": 0.2,
                "error": 503,
                "share": 0.1,
                "ends_at": ends_at(30.0),
            }
        )
        for way in ("reset", "refused", "silence"):
            plan.add({"edge": "*->*", "at": "caller", "drop": way, "share": 1.0})
        plan.add({"edge": "*->a", "at": "provider", "error": 500, "ends_at": None})

    read = FaultList.model_validate_json(file.read_bytes())

    assert read.seed == 7
    assert [fault.id for fault in read.faults] == ["f1", "f2", "f3", "f4", "f5"]
    assert read.faults[0].ends_at is not None
