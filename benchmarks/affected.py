"""What `fleet test --affected` saves, and whether it ever misses a test that fails.

Usage: python benchmarks/affected.py replay [--commits N]
       python benchmarks/affected.py plant [--faults N] [--seed N] [--below PATTERN]

`replay` takes the last commits of this repository one by one, each against the one
before it, and prints which packages and test files are chosen; the last lines are the
share of test files, and of test functions, that each commit would have run.

`plant` puts an error into a function of a service or a library, one at a time, and
fails when a test file fails that was not chosen. Of a service all tests are run; of a
library, whose tests take minutes, those that were not chosen and need no server, no
network and no second fleet. Tests of other services are run for every 25th fault.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from fleetwright_cli.affected import Changes, Chosen, changes_since, select
from fleetwright_cli.standard import Repository, open_repository

ROOT = Path(__file__).resolve().parent.parent
HANGS_SECONDS = 120
# The runtime's own suite needs servers and many minutes.
PLANTED = ("services/*/src/**/*.py", "libs/*/src/**/*.py")
LONG = re.compile(
    r"libs/fleetwright/tests/(?!unit/)|/test_(planted|examples|check_tools|locks|venvs"
    r"|launcher|fuzz\w*|bench|supervisor|commands|event_commands|fault_commands|mutants)"
)
NOT_PLANTED = re.compile(r"_pb2(_grpc)?\.py$|/migrations/|__init__\.py$")
_FUNCTION = re.compile(
    r'^( *)(?:async )?def \w+\([^"]*?\)[^:\n]*:\n(?: +"""(?:.|\n)*?"""\n)?', re.M
)
_TEST = re.compile(r"^\s*(?:async )?def test_", re.M)


@contextmanager
def worktree() -> Iterator[Path]:
    """Give a copy of this repository at its last commit, away from this one."""
    with tempfile.TemporaryDirectory(prefix="affected-") as folder:
        root = Path(folder).resolve() / "fleet"
        git(ROOT, "worktree", "add", "--quiet", "--detach", str(root), "HEAD")
        try:
            yield root
        finally:
            git(ROOT, "worktree", "remove", "--force", str(root))


def git(root: Path, *words: str) -> str:
    """Return what git says."""
    done = subprocess.run(
        ["git", "-C", str(root), *words], check=True, capture_output=True, text=True
    )
    return done.stdout


def tests_of(repository: Repository) -> dict[str, int]:
    """Return the test files, each with the number of its test functions."""
    return {
        path: len(_TEST.findall(repository.text(path)))
        for path in repository.tree.below("", ".py")
        if path.rsplit("/", 1)[-1].startswith("test_") and "tests/" in path
    }


def chosen_files(chosen: list[Chosen], every: dict[str, int]) -> set[str]:
    """Return the test files that a selection runs."""
    found: set[str] = set()
    for one in chosen:
        names = {f"{top}/{one.name}/tests/" for top in ("libs", "services")}
        below = {path for path in every if path.startswith(tuple(names))}
        if one.name == "fleet":
            below = {path for path in every if path.startswith("tests/")}
        found |= set(one.tests) if one.tests is not None else below
    return found


@dataclass(slots=True)
class Saved:
    """How much of the tests some commits would have run.

    Attributes:
        commits: How many commits.
        files: Test files chosen, and all there were, summed.
        functions: The same of test functions.
        packages: How many packages were chosen, summed.
        none: How many commits chose no test.
    """

    commits: int = 0
    files: tuple[int, int] = (0, 0)
    functions: tuple[int, int] = (0, 0)
    packages: int = 0
    none: int = 0

    def add(self, chosen: list[Chosen], every: dict[str, int]) -> set[str]:
        """Count one commit; return the test files it runs."""
        files = chosen_files(chosen, every)
        ran = sum(every[path] for path in files)
        self.commits += 1
        self.packages += len(chosen)
        self.none += not files
        self.files = (self.files[0] + len(files), self.files[1] + len(every))
        total = sum(every.values())
        self.functions = (self.functions[0] + ran, self.functions[1] + total)
        return files


def replay(commits: int) -> int:
    """Print what the last commits would have run."""
    saved = Saved()
    with worktree() as root:
        words = ("log", "--no-merges", f"-{commits}", "--format=%H")
        for commit in git(root, *words).split():
            git(root, "checkout", "--quiet", "--force", commit)
            repository = open_repository(root)
            chosen = select(repository, changes_since(root, "HEAD~1", "main"))
            repository.facts.keep()
            every = tests_of(repository)
            files = saved.add(chosen, every)
            names = ", ".join(one.name for one in chosen) or "nobody"
            print(f"{commit[:9]} {len(files):3} of {len(every)} test files: {names}")
    print(
        f"{saved.commits} commits chose {saved.packages / saved.commits:.1f} packages"
        f" each; {saved.none} chose no test"
    )
    for what, (ran, total) in (("files", saved.files), ("functions", saved.functions)):
        share = 100 * ran / total
        print(f"test {what}: {ran} of {total} run, {100 - share:.1f} % saved")
    return 0


@dataclass(frozen=True, slots=True)
class Fault:
    """An error in a function.

    Attributes:
        path: The file, below the root.
        line: Where the function begins.
        text: The file with the error in it.
    """

    path: str
    line: int
    text: str


def faults(root: Path, count: int, seed: int, below: str) -> list[Fault]:
    """Return faults in functions, spread over the packages that a pattern names."""
    chance = random.Random(seed)
    found: list[Fault] = []
    paths = [
        path
        for pattern in PLANTED
        for path in sorted(root.glob(pattern))
        if not NOT_PLANTED.search(str(path))
        and re.search(below, str(path.relative_to(root)))
    ]
    chance.shuffle(paths)
    while paths and len(found) < count:
        for path in paths:
            text = path.read_text("utf-8")
            places = [one for one in _FUNCTION.finditer(text) if one.end() < len(text)]
            if not places or len(found) == count:
                continue
            place = chance.choice(places)
            error = f"{place[1]}    raise RuntimeError('planted')\n"
            planted = text[: place.end()] + error + text[place.end() :]
            line = text.count("\n", 0, place.start()) + 1
            found.append(Fault(str(path.relative_to(root)), line, planted))
    return found


def failing(root: Path, package: str, files: set[str]) -> set[str] | None:
    """Return which test files of a package have a failing test; None for a hang."""
    if not files:
        return set()
    folder = root / package
    report = root / "report.xml"
    report.unlink(missing_ok=True)
    sources = [folder / "src", *sorted(root.glob("libs/*/src"))]
    words = ["-c", str(root / "pyproject.toml"), "--rootdir", str(folder), "-q"]
    words += ["-p", "no:cacheprovider", "-o", "junit_family=xunit1"]
    words += ["-o", f"faulthandler_timeout={HANGS_SECONDS}"]
    words += ["-o", "faulthandler_exit_on_timeout=true"]
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", *words, f"--junitxml={report}"),
            *(str(root / path) for path in sorted(files)),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if not report.is_file():
        return None
    found: set[str] = set()
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our own
        if case.find("failure") is not None or case.find("error") is not None:
            name = (
                case.get("file") or f"{case.get('classname', '').replace('.', '/')}.py"
            )
            found.add(
                f"{package}/{name}"
                if name != ".py"
                else f"{package}/{case.get('name')}"
            )
    return found


def plant(count: int, seed: int, below: str) -> int:
    """Plant faults one by one; return 1 when a failing test was not chosen."""
    missed, noticed, whole = [], 0, 0
    ran, total, hung, outside = 0, 0, 0, 0
    with worktree() as root:
        every = tests_of(open_repository(root))
        services = [str(one) for one in _services(root)]
        for number, fault in enumerate(faults(root, count, seed, below), 1):
            path = root / fault.path
            before = path.read_text("utf-8")
            path.write_text(fault.text, "utf-8")
            repository = open_repository(root)
            files = chosen_files(
                select(repository, Changes(root, (fault.path,), "before")), every
            )
            repository.facts.keep()
            own = "/".join(fault.path.split("/")[:2])
            looked = [own] if number % 25 else list(dict.fromkeys([own, *services]))
            bad, before_hung = set[str](), hung
            for package in looked:
                tests = {one for one in every if one.startswith(f"{package}/")}
                if package.startswith("libs"):
                    tests = {one for one in tests - files if not LONG.search(one)}
                outside += len(tests - files)
                failed = failing(root, package, tests)
                hung += failed is None
                bad |= failed or set()
            path.write_text(before, "utf-8")
            of_own = {one for one in every if one.startswith(f"{own}/")}
            ran, total = ran + len(files & of_own), total + len(of_own)
            whole += of_own <= files
            noticed += bool(bad)
            missed += sorted(bad - files)
            said = f"{fault.path}:{fault.line} {len(bad)} files fail"
            said += ", a suite hung" if hung > before_hung else ""
            print(f"{said}, {len(files & of_own)} of {len(of_own)} chosen", flush=True)
    print(f"{count} faults, {noticed} noticed by a test, {whole} chose a whole package")
    print(f"{hung} suites hung until they were ended: what failed there is not known")
    print(f"test files of their packages: {ran} of {total} chosen")
    print(f"test files that were not chosen and were run all the same: {outside}")
    print(f"failing test files that were not chosen: {len(missed)} {missed}")
    return 1 if missed else 0


def _services(root: Path) -> Iterator[Path]:
    """Yield the folders of services, below the root."""
    for folder in sorted(root.glob("services/*/tests")):
        yield folder.parent.relative_to(root)


def main() -> int:
    """Run what was asked for."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    kinds = parser.add_subparsers(dest="what", required=True)
    replayed = kinds.add_parser("replay")
    replayed.add_argument("--commits", type=int, default=60)
    planted = kinds.add_parser("plant")
    planted.add_argument("--faults", type=int, default=54)
    planted.add_argument("--seed", type=int, default=1)
    planted.add_argument("--below", default="", help="a pattern of the faults' files")
    given = parser.parse_args()
    if shutil.which("git") is None:
        parser.error("git is needed")
    if given.what == "replay":
        return replay(given.commits)
    return plant(given.faults, given.seed, given.below)


if __name__ == "__main__":
    sys.exit(main())
