"""What is made of the templates keeps the standard and the style."""

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from scaffold.kinds import FLEET, KINDS

from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy.compose._file import files as composed
from fleetwright_cli.fleet import discover, read_manifest
from fleetwright_cli.locks import pins
from fleetwright_cli.scaffold import (
    VENDORED,
    FleetAnswers,
    LibraryAnswers,
    Pipeline,
    ServiceAnswers,
    files_of_fleet,
    files_of_library,
    files_of_service,
)
from fleetwright_cli.scaffold._vendor import sources_of
from fleetwright_cli.standard import Report, Repository, check
from fleetwright_cli.standard._tree import Tree

ROOT = Path(__file__).parents[4]
MONEY = LibraryAnswers("money", "@acme/web")
# Pins are the business of the resolver: here a lock only has to be one.
LOCK = "# Locked by `fleet lock` from requirements.in; do not edit.\n"
SHORTEST, LONGEST = "q", "q" + "-z" * 13 + "z"


def files(fleet: FleetAnswers, services: Iterable[ServiceAnswers]) -> dict[str, str]:
    """Return all files of a fleet."""
    services = list(services)
    found = files_of_fleet(fleet, services, [MONEY])
    found |= files_of_library(MONEY, fleet)
    for one in services:
        found |= files_of_service(one, fleet)
    return found


def locks(made: dict[str, str]) -> dict[str, str]:
    """Return a lock for each requirements.in, with every name pinned."""
    found = {}
    for path, text in made.items():
        if path.endswith("/requirements.in"):
            names = [
                line.partition("[")[0]
                for line in text.splitlines()
                if line[:1].isalpha()
            ]
            names += ["pyjwt"] if "auth" in text else []
            pins = "".join(f"{name}==1\n" for name in names)
            found[path.replace(".in", ".txt")] = LOCK + pins
    return found


def distributions(requirements: str) -> set[str]:
    """Return the names in a requirements.in."""
    lines = (one.partition("#")[0].strip() for one in requirements.splitlines())
    return {Requirement(one).name for one in lines if one and not one.startswith("-")}


def stubs(protos: Iterable[str]) -> dict[str, str]:
    """Return the modules that are generated beside each `.proto`, empty."""
    ends = ("_pb2.py", "_pb2_grpc.py")
    return {one.replace(".proto", end): "" for one in protos for end in ends}


def runtime() -> dict[str, str]:
    """Return the runtime as it is carried in every fleet."""
    folder = ROOT / "libs" / "fleetwright"
    return {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
        for path in sources_of(folder)
        if path.name in {"pyproject.toml", "_settings.py", "__init__.py"}
    }


def whole(ci: Pipeline, folder: Path) -> dict[str, str]:
    """Return a fleet with a service of each kind with all that is made from it."""
    made = files(replace(FLEET, ci=ci), KINDS.values())
    made |= {**locks(made), **runtime()}
    for path, text in made.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    repository = Repository(Tree.of(made), read_manifest(folder))
    return made | composed(World(discover(folder), repository))


def report_of(ci: Pipeline, folder: Path) -> Report:
    """Return what the standard says of a fleet with a service of each kind."""
    tree = Tree.of(whole(ci, folder))
    return check(Repository(tree, read_manifest(folder)))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return what the standard says of a fleet on GitHub."""
    return report_of("github", tmp_path_factory.mktemp("github"))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_service_keeps_the_standard(name: str, report: Report) -> None:
    """Nothing fails, and nothing is waived."""
    found = [
        f"{one.rule.id} {one.breach.path}: {one.breach.what}"
        for one in report.failing
        if name in one.breach.path
    ]

    assert found == []


def test_the_fleet_around_them_keeps_the_standard(report: Report) -> None:
    """Its pipeline, its documents, its compose file."""
    found = [
        f"{one.rule.id} {one.breach.path}: {one.breach.what}" for one in report.failing
    ]

    assert found == []


def test_a_pipeline_of_gitlab_keeps_the_standard(tmp_path: Path) -> None:
    """The same six steps in its words, and no file of GitHub's."""
    found = [one.breach for one in report_of("gitlab", tmp_path).failing]

    assert found == []


def test_a_breach_of_a_template_would_be_seen(tmp_path: Path) -> None:
    """The tests above look at something."""
    made = whole("github", tmp_path)
    del made["services/heard/Dockerfile"]

    failing = check(Repository(Tree.of(made), read_manifest(tmp_path))).failing

    assert {one.rule.id for one in failing} >= {"CON-02"}


def test_the_style_holds_for_short_and_for_long_names(tmp_path: Path) -> None:
    """No line is too long or needlessly broken, and imports are in order."""
    for name in (SHORTEST, LONGEST):
        for kind in KINDS.values():
            made = files(FLEET, [replace(kind, name=name)])
            # ruff knows a package of ours by the modules that are there.
            generated = [path for path in made if path.endswith("api.proto")]
            for path, text in {**made, **stubs(generated)}.items():
                place = tmp_path / f"{kind.name}-{len(name)}" / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, "utf-8")

    black, ruff = (
        subprocess.run(
            [sys.executable, "-m", *words, "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        for words in (("black", "--check", "--quiet", "--diff"), ("ruff", "check"))
    )

    assert (black.stdout, black.returncode) == ("", 0)
    assert (ruff.stdout, ruff.returncode) == ("All checks passed!\n", 0)


@pytest.mark.parametrize("name", ["fleet", "scripts/protos", ".python-version"])
def test_what_a_fleet_shares_with_this_one_is_the_same(name: str) -> None:
    """A mend of the launcher here is a mend of every new fleet's."""
    made = files(FLEET, [])

    assert made[name] == (ROOT / name).read_text("utf-8")


def test_a_fleet_develops_with_what_is_tested_here() -> None:
    """All it asks for is in our lock, so its pins are ours."""
    made = files(FLEET, [])
    tested = pins((ROOT / "requirements-dev.txt").read_text("utf-8"))

    for name in ("requirements-dev.in", "requirements-test.in"):
        assert distributions(made[name]) <= tested.keys(), name


@pytest.mark.parametrize("library", VENDORED)
def test_a_fleet_develops_with_all_that_it_carries(library: str) -> None:
    """Libraries are installed without their dependencies: each has to be named."""
    project = tomllib.loads((ROOT / "libs" / library / "pyproject.toml").read_text())
    needed = list(project["project"]["dependencies"])
    if library == "fleetwright":  # services ask for its extras by kind
        needed += chain(*project["project"]["optional-dependencies"].values())
    named = distributions(files(FLEET, [])["requirements-dev.in"])

    missing = {Requirement(one).name for one in needed} - {*VENDORED} - named
    assert missing == set()
