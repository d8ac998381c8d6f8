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
    kept = root / ".fleet" / "test" / suite.name
    kept.mkdir(parents=True, exist_ok=True)
    config = str(root / "pyproject.toml")
    where = suite.folder if suite.package is None else suite.folder / "tests"
    words = [str(suite.python), "-m"]
    counted = coverage and suite.package is not None
    if counted:
        # Not pytest-cov: what a pytest plugin of ours imports would count as not run.
        words += ["coverage", "run", f"--rcfile={config}", f"--source={suite.package}"]
        words += ["-m"]
        for old in kept.glob("coverage*"):
            old.unlink()
    words += ["pytest", "-c", config, "--rootdir", str(suite.folder), "-q"]
    words += ["--color=no", str(where), "-o", f"cache_dir={kept / 'cache'}", *extra]
    environment = {**os.environ, "COVERAGE_FILE": str(kept / "coverage")}
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
    seconds = time.monotonic() - started
    report = _coverage(suite, config, environment) if counted else ""
    total = _TOTAL.search(report)
    return Result(
        suite.name,
        done.returncode,
        counts_of(done.stdout),
        seconds,
        float(total[1]) if total else None,
        done.stdout + report,
    )


def counts_of(output: str) -> dict[str, int]:
    """Return how many tests passed, failed and so on.

    Args:
        output: What pytest wrote; its last line counts.
    """
    last = output.strip().rsplit("\n", 1)[-1]
    return {
        "error" if word == "errors" else word: int(number)
        for number, word in _COUNTS.findall(last)
    }


def _coverage(suite: Suite, config: str, environment: dict[str, str]) -> str:
    """Return coverage's table over all processes of the run."""
    said = ""
    for words in (["combine", "--quiet"], ["report"]):
        done = subprocess.run(  # noqa: S603 - the suite's own interpreter
            [str(suite.python), "-m", "coverage", *words, f"--rcfile={config}"],
            cwd=suite.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said += done.stdout + done.stderr
    return said
