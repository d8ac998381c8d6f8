"""What services' tests do when they are run: pass, cover the code, keep to themselves.

A service's tests are run as the standard says, `pytest --cov=src` in its folder, by the
interpreter of its own environment; its unit tests once more with nothing to reach for.
Where `fleet test` passed with the same inputs, only the latter are run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.locks import DIGEST
from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._rule import Breach
from fleetwright_cli.standard.section_07_testing import LEAST_PERCENT
from fleetwright_cli.venvs import TEST_LOCK, make, venv_of

RULES = frozenset(("TST-03", "TST-08", "TST-11", "TST-12"))
LONGEST_SECONDS = 1800
_PLUGIN = Path(__file__).with_name("_alone.py")
_FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s:]+)(?:::(\S+))?(?: - (.*))?$", re.M)
_MOST_TOLD = 20
_NOT_INHERITED = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "PYTEST_ADDOPTS")
_PASSED, _FAILING, _NOTHING = 0, 1, 5  # exit codes of pytest


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of pytest in the folder of a service.

    Attributes:
        service: The service.
        python: Its interpreter.
        folder: The service's folder on disk.
        kept: Where the run keeps its files.
    """

    service: Unit
    python: Path
    folder: Path
    kept: Path

    @property
    def report(self) -> Path:
        """Where lines are told that tests ran."""
        return self.kept / "coverage.json"

    @property
    def counting(self) -> tuple[str, str]:
        """The words that have pytest count lines, as the standard writes them."""
        return "--cov=src", f"--cov-report=json:{self.report}"

    @property
    def tests(self) -> str:
        """The folder of the tests, below the root."""
        return self.service.path("tests")

    def pytest(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run pytest to its end.

        Args:
            *words: What it is asked beside what every run is.
            **variables: What its environment has beside ours.
        """
        usual = ("-q", "--color=no", "-rfE", "-p", "no:cacheprovider")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in _NOT_INHERITED and not name.startswith("COVERAGE_")
        }
        return subprocess.run(  # noqa: S603 - the service's own interpreter
            [str(self.python), "-m", "pytest", *usual, *words],
            cwd=self.folder,
            env={
                **inherited,
                "PYTHONPATH": f"{self.folder / 'src'}{os.pathsep}{self.kept}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "COVERAGE_FILE": str(self.kept / ".coverage"),
                "HYPOTHESIS_STORAGE_DIRECTORY": str(self.kept / "hypothesis"),
                **variables,
            },
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=LONGEST_SECONDS,
        )


def interpreter(fleet: Fleet, service: Service, tell: Callable[[str], None]) -> Path:
    """Return the interpreter of a service's tests, its environment made if need be.

    Args:
        fleet: The fleet on disk.
        service: The service.
        tell: Gets a line when work begins.

    Returns:
        That of the environment that its lock makes; where `fleet lock` made no lock,
        that of a `venv/` in its folder or at the root, or else our own.
    """
    locks = (service.lock, fleet.root / TEST_LOCK)
    if all(DIGEST in _text(one) for one in locks):
        venv = venv_of(fleet, service, testing=True)
        make(venv, tell)
        return venv.python
    beside = (one / "venv" / "bin" / "python" for one in (service.folder, fleet.root))
    return next((one for one in beside if one.exists()), Path(sys.executable))


def test_breaches(
    repository: Repository,
    pythons: Mapping[str, Path],
    tell: Callable[[str], None],
    passed: Mapping[str, float] | None = None,
) -> Iterator[tuple[str, Breach]]:
    """Yield what comes out when the tests of services are run.

    Args:
        repository: A repository on disk.
        pythons: The interpreter of each service.
        tell: Gets a line when work begins.
        passed: The services whose tests passed before with the same inputs, each with
            the share of lines that they ran, 0 to 100.
    """
    tested = [one for one in repository.services if one.tests and one.name in pythons]
    before = passed or {}

    def run(service: Unit) -> list[tuple[str, Breach]]:
        known = before.get(service.name)
        which = "tests" if known is None else "unit tests"
        tell(f"running the {which} of {service.name}")
        with tempfile.TemporaryDirectory(prefix="fleet-check-") as kept:
            folder = repository.tree.root / service.folder
            one = _Run(service, pythons[service.name], folder, Path(kept))
            if known is None:
                return [*_whole(one), *_alone(one)]
            return [*_alone(one, *one.counting), *_covered(one, known)]

    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(run, tested):
            yield from found


def _whole(run: _Run) -> Iterator[tuple[str, Breach]]:
    """Yield what fails, and what is not covered, when all tests are run."""
    done = run.pytest(*run.counting)
    failed = list(_FAILED.findall(done.stdout))
    for path, name, why in failed[:_MOST_TOLD]:
        what = f"{name or 'it'} fails: {why}".rstrip(": ")
        yield "TST-11", Breach(f"{run.service.folder}/{path}", 1, what[:200])
    if done.returncode not in {_PASSED, _NOTHING} and not failed:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        rule = "TST-12" if "--cov" in done.stderr else "TST-11"
        what = f"pytest ends with {done.returncode}: {said[-1]}"
        yield rule, Breach(run.tests, 1, what[:200])
        return
    yield from _covered(run)


def _covered(run: _Run, known: float | None = None) -> Iterator[tuple[str, Breach]]:
    """Yield what the tests leave out of the code; how much may be known already."""
    try:
        totals = json.loads(run.report.read_text("utf-8"))["totals"]
        lines, percent = totals["num_statements"], totals["percent_covered"]
    except (OSError, ValueError, KeyError):
        lines, percent = 0, 0.0
    percent = percent if known is None else known
    if not lines:
        what = "`pytest --cov=src` counts no line of `src`"
        yield "TST-12", Breach(run.tests, 1, what)
    elif percent < LEAST_PERCENT:
        what = f"the tests run {percent:.1f} % of src, less than {LEAST_PERCENT} %"
        yield "TST-08", Breach(run.tests, 1, what)


def _alone(run: _Run, *more: str) -> Iterator[tuple[str, Breach]]:
    """Yield unit tests that reach for the network, start processes or write files."""
    shutil.copy(_PLUGIN, run.kept / "fleet_alone.py")
    report = run.kept / "alone.jsonl"
    unit = run.folder / "tests" / "unit"
    chosen = (str(unit),) if unit.is_dir() else ("-m", "unit")
    run.pytest("-p", "fleet_alone", *chosen, *more, FLEET_ALONE=str(report))
    seen = dict.fromkeys(_text(report).splitlines())
    for one in map(json.loads, seen):
        path = os.path.relpath(one["path"], run.folder)
        place = Path(run.service.folder, path).as_posix()
        yield "TST-03", Breach(place, one["line"], f"a unit test {one['what']}")


def _text(path: Path) -> str:
    """Return a file's text; empty when it is not there."""
    return path.read_text("utf-8") if path.is_file() else ""
