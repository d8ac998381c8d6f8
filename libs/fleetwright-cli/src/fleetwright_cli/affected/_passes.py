"""Suites that passed, by a digest of all they were run with: why run them again?"""

import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetwright_cli._digests import digest_of
from fleetwright_cli.affected._looks import EVERYTHING
from fleetwright_cli.affected._reach import Reach
from fleetwright_cli.graph import read_graph
from fleetwright_cli.standard import Repository
from fleetwright_cli.standard._repository import Unit
from fleetwright_cli.suite_report import Coverage, Result
from fleetwright_cli.suite_runs import Options
from fleetwright_cli.suites import Suite

FOLDER = ".fleet/cache/tests"
MOST_KEPT = 16
# Servers get another port each time: that there is one is what counts.
_SERVERS = re.compile(r"^TEST_\w+_URL$")
_OF_TESTS = ("FLEET_", "PYTEST_", "PYTHON", "HYPOTHESIS_", "LC_", "ASYNCAPI_")
# pytest tells its children in which test of its own they are started.
_OF_THE_RUN = {"PYTEST_CURRENT_TEST", "PYTEST_VERSION"}
_OF_THE_SHELL = {"PWD", "OLDPWD", "SHLVL", "_", "TERM", "COLUMNS", "LINES", "LOGNAME"}
_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{2,}")
# A test that is skipped for want of a server says so by the server's variable.
_SKIP = re.compile(r"^SKIPPED \[\d+\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Passes:
    """What passed, a file a suite, the newest last; safe to delete at any time.

    Attributes:
        root: The fleet's root.
    """

    root: Path

    def find(self, name: str, digest: str) -> Result | None:
        """Return how a suite passed with the same inputs; None when it did not.

        Args:
            name: The suite's.
            digest: Of its inputs.
        """
        facts = self._read(name).get(digest)
        try:
            return None if facts is None else _result(name, digest, facts)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def note(self, result: Result, digest: str, least_percent: float) -> None:
        """Keep a pass; forget an earlier one with the same inputs when it failed.

        Args:
            result: What came out.
            digest: Of the inputs.
            least_percent: Least coverage, when it was counted.
        """
        kept = self._read(result.name)
        kept.pop(digest, None)
        is_pass = result.exit_code == 0 and result.complaint(least_percent) is None
        if is_pass and _knows_its_skips(result.output):
            kept[digest] = _facts(result)
        self._write(result.name, dict(list(kept.items())[-MOST_KEPT:]))

    def _file(self, name: str) -> Path:
        """Return where a suite's passes are."""
        return self.root / FOLDER / f"{name}.json"

    def _read(self, name: str) -> dict[str, Any]:
        """Return a suite's passes; none when the file is broken."""
        try:
            found = json.loads(self._file(name).read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, name: str, kept: Mapping[str, Any]) -> None:
        """Write a suite's passes; a full disk is no fault of the tests."""
        file = self._file(name)
        draft = file.with_suffix(f".{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(kept), encoding="utf-8")
            draft.replace(file)
        except OSError:
            draft.unlink(missing_ok=True)


class Inputs:
    """All that suites are run with, as digests."""

    def __init__(self, repository: Repository, environment: Mapping[str, str]) -> None:
        """Take up the files.

        Args:
            repository: The fleet's files as they are.
            environment: The variables that the tests inherit.
        """
        self._repository = repository
        self._environment = environment
        self._graph = read_graph(repository)
        self._reach = Reach(repository, self._graph)
        self._contents: dict[str, str] = {}
        self._words: dict[str, frozenset[str]] = {}

    def digest(self, suite: Suite, options: Options, least_percent: float) -> str:
        """Return the digest of a suite's files, locks, interpreter and environment.

        Args:
            suite: Which one.
            options: How it is run.
            least_percent: Least coverage.
        """
        paths = sorted(set(self._files(suite)))
        how = (options.coverage, options.expression, options.deliver, least_percent)
        only = [str(path.relative_to(options.root)) for path in suite.only]
        return digest_of(
            *(f"{path} {self._content(path)}" for path in paths),
            "run",
            *map(str, how),
            *only,
            *_hidden(suite.folder, options.root),
            "with",
            sys.version,
            platform.platform(),
            _tool(),
            *self._variables(paths),
        )

    def _files(self, suite: Suite) -> Iterator[str]:
        """Yield the files that a suite is run with, below the root."""
        tree = self._repository.tree
        units = {one.name: one for one in self._repository.units}
        unit = units.get(suite.name)
        if unit is None:
            yield from tree.entries
            return
        yield from ("pyproject.toml", "fleet.toml", *self._locks(unit))
        yield from tree.below(unit.folder)
        for name in self._reach.libraries(unit):
            yield from self._library(units[name])
        for edge in self._graph.of("call", "event"):
            if edge.is_seen and edge.source == unit.name and edge.target in units:
                yield from self._promises(units[edge.target], edge.kind)
        for test in self._reach.tests[unit.name]:
            reached = self._reach.of(unit, test)
            yield from reached.paths
            if EVERYTHING in reached.beyond:
                yield from tree.entries
                return
            for path in reached.beyond:
                yield from tree.below(path)
                yield path

    def _promises(self, provider: Unit, kind: str) -> Iterator[str]:
        """Yield the files that say what a provider promises: contracts, else code."""
        kept = list(self._repository.tree.below(provider.path("contracts")))
        yield from kept
        if kind == "call" and not any("/openapi" in path for path in kept):
            yield from self._repository.tree.below(provider.path("src"))

    def _library(self, library: Unit) -> Iterator[str]:
        """Yield the files of a library that its users run."""
        yield library.path("pyproject.toml")
        yield from self._repository.tree.below(library.path("src"))

    def _locks(self, unit: Unit) -> Iterable[str]:
        """Return the locks that a unit's tests are installed from."""
        if unit.is_service:
            return unit.path("requirements.txt"), "requirements-test.txt"
        return ("requirements-dev.txt",)

    def _content(self, path: str) -> str:
        """Return the digest of a file; of nothing when it is not there."""
        if path not in self._contents:
            try:
                raw = (self._repository.tree.root / path).read_bytes()
            except OSError:
                raw = b""
            self._contents[path] = digest_of(raw)
            names = _WORD.findall(raw) if path.endswith((".py", ".toml")) else ()
            self._words[path] = frozenset(one.decode().upper() for one in names)
        return self._contents[path]

    def _variables(self, paths: Iterable[str]) -> Iterator[str]:
        """Yield the variables that the files may read, with their values."""
        words = frozenset[str]().union(*(self._words.get(one, ()) for one in paths))
        for name, value in sorted(self._environment.items()):
            if _SERVERS.match(name):
                yield f"{name} is there" if value else f"{name} is empty"
            elif name in _OF_THE_SHELL | _OF_THE_RUN:
                continue
            elif name.startswith(_OF_TESTS) or name.upper() in words:
                yield f"{name}={value}"


def covered_before(
    repository: Repository, suites: Iterable[Suite], least_percent: float
) -> dict[str, float]:
    """Return the share of lines that suites ran when they passed with these inputs.

    Args:
        repository: The fleet's files as they are.
        suites: Those that are asked about.
        least_percent: Least coverage of the fleet.

    Returns:
        0 to 100, by name; nothing of a suite that did not pass, or is not known.
    """
    if repository.cache is None:
        return {}  # a cache that came with the repository
    root = repository.tree.root
    inputs, passes = Inputs(repository, os.environ), Passes(root)
    options = Options(root)
    digests = {one.name: inputs.digest(one, options, least_percent) for one in suites}
    found = {name: passes.find(name, digest) for name, digest in digests.items()}
    return {
        name: one.coverage.percent
        for name, one in found.items()
        if one is not None and one.coverage is not None
    }


def _hidden(folder: Path, root: Path) -> Iterator[str]:
    """Yield the local settings that git does not see and services would read."""
    for path in (folder / ".env", root / ".env"):
        if path.is_file():
            yield digest_of(path.read_bytes())


def _tool() -> str:
    """Return the digest of what runs suites and reads what came out."""
    from fleetwright_cli import suite_report, suite_runs, suites, venvs

    ours = (suite_report, suite_runs, suites, venvs)
    files = [Path(str(one.__file__)) for one in ours] + [Path(__file__)]
    return digest_of(*(file.read_bytes() for file in files))


def _knows_its_skips(output: str) -> bool:
    """Return whether every skipped test was skipped for a reason that is in the key.

    A browser or a daemon may be there the next time, and nobody would know.
    """
    skips = [line for line in output.splitlines() if _SKIP.match(line)]
    return all("TEST_" in line or "_URL" in line for line in skips)


def _facts(result: Result) -> dict[str, Any]:
    """Return a pass as JSON-ready values."""
    return {
        "counts": dict(result.counts),
        "seconds": round(result.seconds, 2),
        "coverage_percent": result.coverage.percent if result.coverage else None,
        "selected": result.selected,
    }


def _result(name: str, digest: str, facts: Mapping[str, Any]) -> Result:
    """Return a pass as what came out of a suite."""
    percent = facts["coverage_percent"]
    return Result(
        name,
        0,
        {str(kind): int(number) for kind, number in facts["counts"].items()},
        0.0,
        Coverage(float(percent)) if percent is not None else None,
        selected=bool(facts["selected"]),
        passed_before=digest[:12],
    )
