"""A newcomer's path: a fleet with services of several kinds, made and run untouched.

Four kinds have between them every framework, and what comes with a database and with
events; FLEET_EVERY_KIND=1 makes all ten that there are.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from scaffold.kinds import KINDS, Answer, fleet
from tool.conftest import index_answers

MOST_SECONDS = 1800.0
FEW = ("plain-fastapi", "kept-flask", "told-grpc", "heard")
NAMES = tuple(KINDS) if os.environ.get("FLEET_EVERY_KIND") else FEW


@dataclass(frozen=True, slots=True)
class Made:
    """A fleet as the commands left it.

    Attributes:
        root: Its folder.
        said: What each command answered, by its words.
    """

    root: Path
    said: dict[str, Answer]


def options(name: str) -> list[str]:
    """Return how a kind of service is asked for."""
    kind = KINDS[name]
    words = ["--framework", kind.framework]
    words += ["--database"] if kind.database else []
    return words + (["--events"] if kind.events else [])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Make a fleet, add services and a library, run it, test it and look at it."""
    if not index_answers():
        pytest.skip("no package index can be reached")
    folder = tmp_path_factory.mktemp("newcomer")
    root = folder / "shop"
    said: dict[str, Answer] = {}
    first, *others = NAMES

    def typed(where: Path, *words: str) -> None:
        said[" ".join(words)] = fleet(where, *words, seconds=MOST_SECONDS)

    typed(folder, "new", "shop", "--service", first)
    for name in others:
        typed(root, "add", "service", name, *options(name))
    typed(root, "add", "lib", "money")
    try:
        typed(root, "up", "--detach")
        typed(root, "ps", "--json")
    finally:
        typed(root, "down")
    typed(root, "test")
    typed(root, "check", "--tools")
    for words in ("lock", "contracts freeze", "deploy compose", "upgrade"):
        typed(root, *words.split(), "--check")
    yield Made(root, said)
    shutil.rmtree(folder, ignore_errors=True)


def test_every_command_of_the_path_is_green(made: Made) -> None:
    """Nothing is edited by hand in between, and nothing is left to be written."""
    failed = {
        words: f"{answer.out}\n{answer.err}"[-4000:]
        for words, answer in made.said.items()
        if answer.code != 0
    }

    assert failed == {}


def test_every_service_is_ready(made: Made) -> None:
    """All of them, at once."""
    services = json.loads(made.said["ps --json"].out)["services"]

    states = {one["name"]: one["state"] for one in services}
    assert {name: states.get(name) for name in NAMES} == dict.fromkeys(NAMES, "ready")


def test_check_runs_no_test_that_just_passed(made: Made) -> None:
    """Only the unit tests once more, to see whether they are alone."""
    told = made.said["check --tools"].err

    assert "running the tests" not in told
    assert all(f"running the unit tests of {name}\n" in told for name in NAMES)


def test_no_file_names_this_machine(made: Made) -> None:
    """A clone works elsewhere."""
    here = (str(made.root).encode(), os.path.expanduser("~").encode() + b"/")
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        words, cwd=made.root, capture_output=True, text=True, check=True
    )
    naming = [
        name
        for name in listed.stdout.splitlines()
        if any(one in (made.root / name).read_bytes() for one in here)
    ]

    assert naming == []


def test_compose_file_that_was_edited_is_left(made: Made) -> None:
    """It is told which command would write it."""
    compose = made.root / "docker-compose.yml"
    compose.write_text("# Mine.\n" + compose.read_text("utf-8"), "utf-8")

    said = fleet(made.root, "add", "service", "later")

    assert said.code == 0
    assert "`fleet deploy compose` writes it" in said.err
    assert compose.read_text("utf-8").startswith("# Mine.\n")
    assert "later" not in compose.read_text("utf-8")
