"""What the standard's own tools find: black, ruff, mypy, pytest, locks, the history.

Each is the one beside this interpreter, or else the first on the path; pytest is that
of the service's own environment. Only pytest runs code of the repository: its tests.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.locks import DIGEST, locks_of
from fleetwright_cli.standard import _contract_looks as contract_looks
from fleetwright_cli.standard import _test_runs as test_runs
from fleetwright_cli.standard._closure import unlocked
from fleetwright_cli.standard._contract_looks import contract_breaches
from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._rule import Breach

LONGEST_SECONDS = 900
RULES = (test_runs.RULES | contract_looks.RULES) | frozenset(
    ("PHI-02", "QUA-02", "QUA-03", "QUA-06", "DEP-05", "DEP-06", "CFG-04")
)
_MYPY = re.compile(r"^(.+?):(\d+): error: (.+)$", re.MULTILINE)
_UNREAD = re.compile(r"^error: cannot .*?(/\S.*?\.pyi?):", re.MULTILINE)
_EXAMPLES = (".example", ".template", ".sample")


def tool_breaches(
    repository: Repository,
    tell: Callable[[str], None] = lambda text: None,
    passed: Mapping[str, float] | None = None,
) -> Iterator[tuple[str, Breach]]:
    """Yield what the tools find, with the rule that asks for each.

    Args:
        repository: A repository on disk.
        tell: Gets a line when long work begins.
        passed: The services whose tests passed before with the same inputs, each with
            the share of lines that they ran, 0 to 100.

    Raises:
        FleetError: A tool is not there, cannot do its work, or does not end.
    """
    yield from read_breaches(repository)
    fleet = discover(repository.tree.root)
    pythons = interpreters(fleet, tell)
    for service in repository.services:
        if service.name in pythons:
            yield from unlocked(repository, service, pythons[service.name])
    yield from contract_breaches(repository, fleet, tell)
    yield from test_runs.test_breaches(repository, pythons, tell, passed)


def interpreters(fleet: Fleet, tell: Callable[[str], None]) -> dict[str, Path]:
    """Return the interpreter of each service, its environment made if need be.

    Args:
        fleet: The fleet on disk.
        tell: Gets a line when an environment is made.

    Raises:
        FleetError: One cannot be made.
    """
    return {
        name: test_runs.interpreter(fleet, service, tell)
        for name, service in fleet.services.items()
    }


def read_breaches(repository: Repository) -> Iterator[tuple[str, Breach]]:
    """Yield what tools find that run nothing of the repository.

    Args:
        repository: A repository on disk.

    Raises:
        FleetError: A tool is not there, cannot do its work, or does not end.
    """
    root = repository.tree.root
    yield from (("QUA-02", one) for one in _black(root))
    yield from (("QUA-03", one) for one in _ruff(root))
    for one in _ruff(root, "--select", "N,ERA"):
        if one.what.startswith(("N", "ERA")):  # QUA-03 has what cannot be parsed
            yield "PHI-02", one
    for unit in repository.units:
        if unit.folder not in repository.vendored:
            yield from (("QUA-06", one) for one in _mypy(repository, unit))
    yield from (("DEP-06", one) for one in _stale(discover(root)))
    yield from (("CFG-04", one) for one in _once_committed(repository))


def _black(root: Path) -> Iterator[Breach]:
    """Yield files that black would write differently."""
    done = _run(root, "black", "--check", ".")
    for path in re.findall(r"^would reformat (.+)$", done.stderr, re.MULTILINE):
        yield Breach(_below(root, path), 1, "black would write it differently")
    for path in _UNREAD.findall(done.stderr):
        yield Breach(_below(root, path), 1, "black cannot read it")


def _ruff(root: Path, *words: str) -> Iterator[Breach]:
    """Yield what ruff says."""
    done = _run(root, "ruff", "check", "--output-format", "json", *words, ".")
    for one in json.loads(done.stdout or "[]"):
        line = (one.get("location") or {}).get("row", 1)
        what = f"{one.get('code') or 'ruff'}: {one['message']}"
        yield Breach(_below(root, one["filename"]), line, what)


def _mypy(repository: Repository, unit: Unit) -> Iterator[Breach]:
    """Yield what mypy says of one unit: services may have modules of the same names."""
    root, source = repository.tree.root, unit.path("src")
    if not (root / source).is_dir():
        return
    libraries = [one.path("src") for one in repository.libraries]
    path = os.pathsep.join(dict.fromkeys((source, *libraries)))
    done = _run(root, "mypy", source, MYPYPATH=path)
    if done.returncode > 1:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        yield Breach(unit.folder, 1, f"mypy cannot check it: {said[0]}")
    for path, line, what in _MYPY.findall(done.stdout):
        yield Breach(_below(root, path), int(line), what)


def _stale(fleet: Fleet) -> Iterator[Breach]:
    """Yield locks of `fleet lock` that were made from other requirements."""
    for lock in locks_of(fleet):
        text = lock.target.read_text("utf-8") if lock.target.is_file() else ""
        if DIGEST in text and not lock.is_fresh:
            path = _below(fleet.root, str(lock.target))
            yield Breach(path, 1, "it is stale: `fleet lock`")


def _once_committed(repository: Repository) -> Iterator[Breach]:
    """Yield `.env` files that are in the history and not there any more."""
    if not repository.tree.has_git:
        return
    names = (":(glob)**/.env", ":(glob)**/.env.*")
    words = (
        "log",
        "--all",
        "--format=",
        "--name-only",
        "--diff-filter=A",
        "--relative",
    )
    done = _run(repository.tree.root, "git", *words, "--", *names)
    for path in sorted({*done.stdout.split("\n")} - {""}):
        if not path.endswith(_EXAMPLES) and not repository.tree.has(path):
            what = "it was committed once: what it held is in the history"
            yield Breach(path, 1, what)


def _run(
    root: Path, name: str, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a tool; 1 is its word for findings, anything above for its own failure."""
    environment: Mapping[str, str] = {**os.environ, **variables}
    try:
        done = subprocess.run(  # noqa: S603 - the standard's own tools
            [_place(name), *words],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise FleetError(
            f"{name} did not end within {LONGEST_SECONDS} seconds",
            where=" ".join((name, *words)),
            hint="run it by hand and see what it does",
        ) from error
    tells_itself = name == "mypy" or (name == "black" and _UNREAD.search(done.stderr))
    if done.returncode > 1 and not tells_itself:
        raise FleetError(
            f"{name} cannot do its work",
            where=(done.stderr or done.stdout).strip()[:800],
            hint=f"mend what it says, then try `{' '.join((name, *words))}`",
        )
    return done


def _place(name: str) -> str:
    """Return where a tool is.

    Raises:
        FleetError: Nowhere.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise FleetError(
            f"`--tools` needs {name}, which is not installed",
            hint=f"add it to requirements-dev.in, or `pip install {name}`",
        )
    return found


def _below(root: Path, path: str) -> str:
    """Return a path below the root, with slashes."""
    return Path(os.path.relpath(root / path, root)).as_posix()
