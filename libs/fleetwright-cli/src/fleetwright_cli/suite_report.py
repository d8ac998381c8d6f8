"""What came out of a suite: counts, covered lines, and whether that is good."""

import json
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from xml.etree import ElementTree

NOTHING_COLLECTED = 5
ORDER = ("failed", "error", "passed", "skipped")


@dataclass(frozen=True, slots=True)
class Coverage:
    """The lines that tests ran.

    Attributes:
        percent: Share of lines, 0 to 100, not rounded.
        missing: Files with the lines that no test ran.
    """

    percent: float
    missing: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, report: Path) -> Self | None:
        """Return what coverage wrote as JSON; None when it wrote nothing.

        Args:
            report: The file.
        """
        try:
            document = json.loads(report.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        missing = {
            name: tuple(facts["missing_lines"])
            for name, facts in document["files"].items()
            if facts["missing_lines"]
        }
        return cls(float(document["totals"]["percent_covered"]), missing)

    def worst(self, count: int = 5) -> list[str]:
        """Return the files that miss most lines, each with the lines.

        Args:
            count: How many at most.
        """
        ranked = sorted(self.missing.items(), key=lambda item: -len(item[1]))
        return [f"{name}: {spans(lines)}" for name, lines in ranked[:count]]


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of one suite.

    Attributes:
        name: Whose tests these were.
        exit_code: pytest's; negative when a signal ended it.
        counts: How many passed, failed and so on.
        seconds: How long it took.
        coverage: The lines run; None when they were not counted.
        output: All that pytest wrote.
        selected: Whether only a part of the tests was asked for.
        passed_before: The digest of what it was run with when it passed; empty when it
            was run now.
        silent_seconds: For how long it said nothing and was ended for it; else 0.
    """

    name: str
    exit_code: int
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    coverage: Coverage | None = None
    output: str = field(default="", repr=False)
    selected: bool = False
    passed_before: str = ""
    silent_seconds: float = 0.0

    def complaint(self, least_percent: float) -> str | None:
        """Return why this result is not good, or None.

        Args:
            least_percent: Least coverage, when it was counted.
        """
        if self.exit_code == NOTHING_COLLECTED:
            return None if self.selected else "no tests"
        if self.exit_code < 0:
            ended = f"was ended by {_signal_name(-self.exit_code)}"
            if self.silent_seconds:
                ended = f"said nothing for {self.silent_seconds:g} s and {ended}"
            return f"pytest {ended}"
        if self.exit_code != 0:
            bad = {name: self.counts.get(name, 0) for name in ("failed", "error")}
            return words(bad) if any(bad.values()) else f"pytest: code {self.exit_code}"
        if self.coverage and self.coverage.percent < least_percent:
            # Cut, not rounded: 89.96 must not read as the 90 that it is not.
            shown = int(self.coverage.percent * 10) / 10
            return f"coverage {shown} % is below {least_percent:g} %"
        return None

    def facts(self, least_percent: float) -> dict[str, object]:
        """Return the same as JSON-ready values.

        Args:
            least_percent: Least coverage, when it was counted.
        """
        return {
            "name": self.name,
            "exit_code": self.exit_code,
            "counts": dict(self.counts),
            "seconds": round(self.seconds, 1),
            "coverage_percent": (
                round(self.coverage.percent, 2) if self.coverage else None
            ),
            "complaint": self.complaint(least_percent),
            "passed_before": self.passed_before or None,
        }


def counts(junit: Path, exit_code: int) -> dict[str, int]:
    """Return how many tests passed, failed and so on.

    Args:
        junit: What pytest wrote as XML.
        exit_code: pytest's; a run that died before writing counts as one error.
    """
    try:
        suite = ElementTree.parse(junit).find("testsuite")  # noqa: S314 - our own file
    except (FileNotFoundError, ElementTree.ParseError):
        suite = None
    if suite is None:
        return {} if exit_code == NOTHING_COLLECTED else {"error": 1}
    found = {
        "failed": int(suite.get("failures", 0)),
        "error": int(suite.get("errors", 0)),
        "skipped": int(suite.get("skipped", 0)),
    }
    found["passed"] = max(0, int(suite.get("tests", 0)) - sum(found.values()))
    return {name: found[name] for name in ORDER if found[name]}


def words(found: Mapping[str, int]) -> str:
    """Return counts as pytest says them: `2 failed, 310 passed, 4 skipped`.

    Args:
        found: How many of each; zeros are left out.
    """
    parts = [
        f"{found[name]} {name}{'s' if name == 'error' and found[name] > 1 else ''}"
        for name in ORDER
        if found.get(name)
    ]
    return ", ".join(parts) or "no tests ran"


def total(results: Iterable[Result]) -> dict[str, int]:
    """Return the counts of all results together.

    Args:
        results: What came out of each suite.
    """
    summed: dict[str, int] = {}
    for result in results:
        for name, number in result.counts.items():
            summed[name] = summed.get(name, 0) + number
    return summed


def spans(lines: Iterable[int]) -> str:
    """Return line numbers with runs drawn together: `3-5, 9`.

    Args:
        lines: Line numbers in rising order.
    """
    runs: list[list[int]] = []
    for line in lines:
        if runs and line == runs[-1][-1] + 1:
            runs[-1][1:] = [line]
        else:
            runs.append([line])
    return ", ".join("-".join(map(str, run)) for run in runs)


def _signal_name(number: int) -> str:
    """Return a signal's name, such as SIGSEGV."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
