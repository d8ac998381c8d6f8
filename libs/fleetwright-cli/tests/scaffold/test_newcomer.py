"""A newcomer's path: a fleet with services of several kinds, made and run untouched.

Four kinds have between them every framework, and what comes with a database and with
events; FLEET_EVERY_KIND=1 makes all ten that there are. Each step is a test of its own:
what takes too long in one test is ended as hanging.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from scaffold.kinds import KINDS, Answer, fleet
from tool.conftest import index_answers

MOST_SECONDS = 1800.0
FEW = ("plain-fastapi", "kept-flask", "told-grpc", "heard")
NAMES = tuple(KINDS) if os.environ.get("FLEET_EVERY_KIND") else FEW


def options(name: str) -> list[str]:
    """Return how a kind of service is asked for."""
    kind = KINDS[name]
    words = ["--framework", kind.framework]
    words += ["--database"] if kind.database else []
    return words + (["--events"] if kind.events else [])


def typed(where: Path, *words: str) -> Answer:
    """Return what a command answers that must be done."""
    answer = fleet(where, *words, seconds=MOST_SECONDS)
    assert answer.code == 0, f"{words}: {answer.out}\n{answer.err}"[-4000:]
    return answer


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a fleet, with services and a library; nothing is edited by hand."""
    if not index_answers():
        pytest.skip("no package index can be reached")
    folder = tmp_path_factory.mktemp("newcomer")
    root = folder / "shop"
    first, *others = NAMES
    typed(folder, "new", "shop", "--service", first)
    for name in others:
        typed(root, "add", "service", name, *options(name))
    typed(root, "add", "lib", "money")
    yield root
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def tested(shop: Path) -> Answer:
    """Run all tests."""
    return typed(shop, "test")


@pytest.mark.parametrize("what", ["lock", "contracts freeze", "deploy compose"])
def test_nothing_is_left_to_be_written(shop: Path, what: str) -> None:
    """What follows from other files is as they say."""
    typed(shop, *what.split(), "--check")


def test_it_is_what_this_tool_would_make(shop: Path) -> None:
    """Nothing to be brought by an upgrade."""
    typed(shop, "upgrade", "--check")


def test_every_service_is_ready(shop: Path) -> None:
    """All of them, at once."""
    try:
        typed(shop, "up", "--detach")
        told = typed(shop, "ps", "--json")
    finally:
        typed(shop, "down")

    states = {one["name"]: one["state"] for one in json.loads(told.out)["services"]}
    assert {name: states.get(name) for name in NAMES} == dict.fromkeys(NAMES, "ready")


def test_every_test_passes(tested: Answer) -> None:
    """Those of the library, too; none is skipped."""
    last = tested.out.splitlines()[-1]

    assert "passed" in last
    assert "skipped" not in last
    assert all(f"{name}: " in tested.err for name in (*NAMES, "money"))


@pytest.mark.usefixtures("tested")
def test_standard_is_kept_also_for_its_tools(shop: Path) -> None:
    """Untouched; no test runs again that just passed, but to see if it is alone."""
    told = typed(shop, "check", "--tools")

    assert "\nno breach" in told.out
    assert "running the tests" not in told.err
    assert all(f"running the unit tests of {name}\n" in told.err for name in NAMES)


def test_no_file_names_this_machine(shop: Path) -> None:
    """A clone works elsewhere."""
    here = (str(shop).encode(), os.path.expanduser("~").encode() + b"/")
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=shop, capture_output=True, text=True, check=True)
    naming = [
        name
        for name in listed.stdout.splitlines()
        if any(one in (shop / name).read_bytes() for one in here)
    ]

    assert naming == []


def test_compose_file_that_was_edited_is_left(shop: Path) -> None:
    """It is told which command would write it."""
    compose = shop / "docker-compose.yml"
    compose.write_text("# Mine.\n" + compose.read_text("utf-8"), "utf-8")

    said = fleet(shop, "add", "service", "later")

    assert said.code == 0
    assert "`fleet deploy compose` writes it" in said.err
    assert compose.read_text("utf-8").startswith("# Mine.\n")
    assert "later" not in compose.read_text("utf-8")
