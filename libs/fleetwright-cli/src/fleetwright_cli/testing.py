"""The tests of one package, in its own environment: what to run, what came out."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleetwright_cli.fleet import Fleet
from fleetwright_cli.venvs import make, venv_of

_COUNTS = re.compile(
    r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected)"
)
_TOTAL = re.compile(r"^TOTAL\s.*?([\d.]+)%", re.MULTILINE)
NOTHING_COLLECTED = 5


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of one package.

    Attributes:
        name: The service's or library's name.
        folder: Where pytest runs.
        python: The interpreter that runs them.
        package: Whose lines are counted; None for tests of the whole fleet.
    """

    name: str
    folder: Path
    python: Path
    package: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of one suite.

    Attributes:
        name: Whose tests these were.
        exit_code: pytest's.
        counts: How many passed, failed, skipped and so on.
        seconds: How long it took.
        coverage_percent: Share of lines run; None when it was not counted.
        output: All that pytest wrote.
    """

    name: str
    exit_code: int
    counts: dict[str, int]
    seconds: float
    coverage_percent: float | None
    output: str = field(repr=False)

    def complaint(self, least_percent: float) -> str | None:
        """Return why this result is not good, or None.

        Args:
            least_percent: Least coverage, when it was counted.
        """
        if self.exit_code not in (0, NOTHING_COLLECTED):
            return f"pytest ended with code {self.exit_code}"
        covered = self.coverage_percent
        if covered is not None and covered < least_percent:
            return f"coverage {covered:g} % is below {least_percent:g} %"
        return None


def suites_of(fleet: Fleet, names: Sequence[str]) -> list[Suite]:
    """Return the suites that were named, or all that exist.

    Args:
        fleet: The fleet.
        names: Services, libraries, or `fleet` for the tests of the whole.

    Raises:
        FleetError: There is no such service, or an environment cannot be made.
    """
    own = Path(sys.executable)
    libraries = [
        Suite(one.name, one.folder, own, one.package)
        for one in fleet.libraries.values()
        if (one.folder / "tests").is_dir() and (not names or one.name in names)
    ]
    wanted = [name for name in names if name not in fleet.libraries and name != "fleet"]
    chosen = fleet.chosen(wanted) if wanted or not names else []
    services = [
        Suite(
            one.name,
            one.folder,
            venv_of(fleet, one, testing=True).python,
            one.package,
        )
        for one in chosen
        if (one.folder / "tests").is_dir()
    ]
    whole = []
    if (fleet.root / "tests").is_dir() and (not names or "fleet" in names):
        whole = [Suite("fleet", fleet.root / "tests", own, None)]
    return [*libraries, *services, *whole]


def prepare(fleet: Fleet, suites: Sequence[Suite], tell: object = None) -> None:
    """Make the environments that the suites need.

    Args:
        fleet: The fleet.
        suites: What will run.
        tell: A function that gets a line when work begins, or None.

    Raises:
        FleetError: An environment cannot be made.
    """
    for suite in suites:
        if suite.name in fleet.services:
            venv = venv_of(fleet, fleet.services[suite.name], testing=True)
            make(venv, tell if callable(tell) else lambda text: None)


def run_suite(
    suite: Suite, *, root: Path, coverage: bool, extra: Sequence[str] = ()
) -> Result:
    """Run one suite to its end.

    Args:
        suite: Which one.
        root: The fleet's root, where its configuration is.
        coverage: Whether lines are counted.
        extra: Further words for pytest.

    Returns:
        What came out.
    """
    kept = root / ".fleet" / "test"
    kept.mkdir(parents=True, exist_ok=True)
    where = suite.folder if suite.package is None else suite.folder / "tests"
    words = [str(suite.python), "-m", "pytest", "-c", str(root / "pyproject.toml")]
    words += ["--rootdir", str(suite.folder), "-q", "--color=no", str(where), *extra]
    words += ["-o", f"cache_dir={kept / suite.name}"]
    if coverage and suite.package is not None:
        words += [f"--cov={suite.package}", "--cov-report=term-missing"]
        words += [f"--cov-config={root / 'pyproject.toml'}"]
    environment = {**os.environ, "COVERAGE_FILE": str(kept / f".coverage.{suite.name}")}
    source = str(suite.folder / "src")
    before = os.environ.get("PYTHONPATH")
    environment["PYTHONPATH"] = f"{source}:{before}" if before else source
    started = time.monotonic()
    done = subprocess.run(  # noqa: S603 - the suite's own interpreter
        words,
        cwd=suite.folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return _result(suite, done.returncode, done.stdout, time.monotonic() - started)


def _result(suite: Suite, exit_code: int, output: str, seconds: float) -> Result:
    """Read the counts off pytest's last lines."""
    tail = output[-2000:]
    counts: dict[str, int] = {}
    for number, word in _COUNTS.findall(tail.strip().rsplit("\n", 1)[-1]):
        counts[word.rstrip("s") if word == "errors" else word] = int(number)
    total = _TOTAL.search(output)
    covered = float(total[1]) if total else None
    return Result(suite.name, exit_code, counts, seconds, covered, output)
