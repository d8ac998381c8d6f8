"""What `fleet faults` writes is what the runtime reads and the replay switches on."""

from collections import Counter
from pathlib import Path
from typing import Any

from fleetwright._faults import FaultList
from fleetwright_cli.local._fault_plan import changing, ends_at
from shop_replay.faults import Faults
from shop_replay.run import _struck


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


class Tool:
    """A tool that remembers what was typed and tells how often each fault struck."""

    def __init__(self, struck: int) -> None:
        """Begin with nothing typed."""
        self.typed: list[str] = []
        self._struck = struck

    async def tell(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Answer a command."""
        self.typed.append(" ".join(arguments))
        if arguments[1] != "list":
            return 0, {}
        faults = [
            {"at": "caller", "delay_seconds": 0.2, "struck": 3 * self._struck},
            {"at": "caller", "error": 503, "struck": self._struck},
            {"at": "provider", "error": 503, "struck": 1},
        ]
        return 0, {"faults": faults}


async def test_replay_strikes_every_edge_and_clears_up() -> None:
    """Three faults from the run's seed, counted by what they do, gone at the end."""
    tool = Tool(struck=2)
    faults = Faults(tool, seed=7)

    await faults.open()
    await faults.close()

    assert len(tool.typed) == 5
    assert all("*->*" in words and "--seed 7" in words for words in tool.typed[:3])
    assert tool.typed[-1] == "faults clear --json"
    assert faults.struck == {
        "delay at the caller": 6,
        "error at the caller": 2,
        "error at the provider": 1,
    }


def test_replay_without_a_strike_does_not_pass() -> None:
    """A run is only a run with faults when every kind of them was injected."""
    assert _struck(Counter({"delay": 6, "error": 1})).ok
    assert not _struck(Counter({"delay": 6, "error": 0})).ok
    assert not _struck(Counter()).ok
