"""`fleet up --docker`: what compose is told, and what a person sees.

An engine that really runs the shop so is driven by `.ci/compose`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from deploy.conftest import ROOT

from fleetwright_cli.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.conftest import StandIn


class Answer(NamedTuple):
    """What the command said."""

    code: int
    out: str
    err: str


Ask = Callable[..., Answer]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Give who types a command in this repository."""

    def run(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["fleet", *words])
        return Answer(main(), *capsys.readouterr())

    monkeypatch.chdir(ROOT)
    return run


def inside(name: str, state: str = "running", **said: Any) -> dict[str, Any]:
    """Return what an engine says of a container."""
    ports = {"8000/tcp": [{"HostPort": "8002"}], "9000/tcp": None}
    return {
        "Config": {"Labels": {"com.docker.compose.service": name}},
        "State": {"Status": state, "ExitCode": 0, **said},
        "NetworkSettings": {"Ports": ports if name == "orders" else {}},
    }


ORDERS = inside("orders", Health={"Status": "healthy"})
MADE = inside("databases", "exited")
FOUND = "compose ps"


def says(*containers: dict[str, Any], **more: str) -> dict[str, str]:
    """Return what an engine with these containers says."""
    return {
        "compose config --services": "orders\nrabbit\n",
        FOUND: "".join(f"{number}\n" for number in range(len(containers))),
        "inspect": json.dumps(containers),
        **more,
    }


def test_fleet_in_containers_is_ready_when_all_is_healthy(
    docker: StandIn, ask: Ask
) -> None:
    """Built, started, and told with where it answers and how it ends."""
    docker.knows(says=says(ORDERS, MADE))

    told = ask("up", "--docker", "--detach", "orders")
    as_json = ask("up", "--docker", "--detach", "--json")

    assert (told.code, as_json.code) == (0, 0)
    assert "compose up --build --detach orders" in docker.calls
    assert [line.split() for line in told.out.splitlines()] == [
        ["SERVICE", "STATE", "URL"],
        ["databases", "done"],
        ["orders", "healthy", "http://127.0.0.1:8002"],
    ]
    assert "stop it with `fleet down --docker`" in told.err
    services = json.loads(as_json.out)["services"]
    assert services[1] == {
        "name": "orders",
        "state": "healthy",
        "url": "http://127.0.0.1:8002",
        "exit_code": None,
    }


def test_without_detach_it_ends_with_the_words_of_all(
    docker: StandIn, ask: Ask
) -> None:
    """What they say is followed; then they are told to leave, and how that went."""
    docker.knows(says=says(ORDERS, MADE))

    told = ask("up", "--docker")

    begun = [one.partition("compose ")[2].split(" ")[0] for one in docker.calls]
    order = [one for one in begun if one in ("up", "logs", "stop", "down")]
    assert order == ["up", "logs", "stop", "down"]
    assert "stop with Ctrl-C" in told.err
    assert told.code == 0


def test_container_that_ends_at_once_is_told_with_its_last_words(
    docker: StandIn, ask: Ask
) -> None:
    """And what shows all of them."""
    ended = inside("orders", "exited", ExitCode=3)
    docker.knows(says=says(ended, MADE, **{"compose logs": "no database\n"}))

    told = ask("up", "--docker", "--detach")

    assert told.code == 1
    assert "orders did not become healthy: exited" in told.err
    assert "no database" in told.err
    assert "docker compose logs orders" in told.err


def test_what_is_slow_to_become_healthy_has_a_second_chance(
    docker: StandIn, ask: Ask
) -> None:
    """Compose gives up; what goes on is asked for once more, and then told."""
    docker.knows(
        says=says(ORDERS), refuses={"compose up": 'Container "x" is unhealthy.'}
    )

    told = ask("up", "--docker", "--detach")

    assert told.code == 1
    assert docker.calls.count("compose up --build --detach") == 2
    assert 'Container "x" is unhealthy.' in told.err


@pytest.mark.parametrize(
    ("refuses", "words"),
    [
        ({"compose up": "no space left on device"}, "the engine has no space left"),
        ({"compose up": "something odd"}, "something odd"),
        ({"version": "Cannot connect to the Docker daemon"}, "no engine can build"),
    ],
)
def test_engine_that_refuses_is_told_with_what_to_do(
    docker: StandIn, ask: Ask, refuses: dict[str, str], words: str
) -> None:
    """In our words, where they are known."""
    docker.knows(says=says(ORDERS), refuses=refuses)

    told = ask("up", "--docker", "--detach")

    assert told.code == 1
    assert words in told.err


def test_machine_without_compose_is_told_what_to_install(
    docker: StandIn, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine alone runs no compose file."""
    docker.knows(refuses={"compose version": "docker: unknown command"})
    monkeypatch.setenv("PATH", str(tmp_path))

    told = ask("up", "--docker", "--detach")

    assert told.code == 1
    assert "nothing here runs compose files" in told.err
    assert "install Docker's compose plugin" in told.err


def test_what_cannot_be_is_refused(docker: StandIn, ask: Ask) -> None:
    """A service that is not there; JSON of what is not ours to say."""
    docker.knows(says=says(ORDERS))

    unknown = ask("up", "--docker", "--detach", "ordres")
    endless = ask("up", "--docker", "--json")

    assert (unknown.code, endless.code) == (2, 2)
    assert "there is no service `ordres`" in unknown.err
    assert "fleet up --docker --detach --json" in endless.err


def test_stale_compose_file_is_not_run(
    docker: StandIn, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tree says has to be written first."""
    docker.knows(says=says(ORDERS))
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")
    (tmp_path / "shop" / "fleet.toml").write_text('[fleet]\nname = "shop"\n')

    told = ask("up", "--docker", "--detach")

    assert told.code == 1
    assert "docker-compose.yml" in told.err
    assert "fleet deploy compose" in told.err


@pytest.mark.parametrize(("code", "exit_code"), [(0, 0), (137, 1)])
def test_down_says_how_each_ended(
    docker: StandIn, ask: Ask, code: int, exit_code: int
) -> None:
    """Killed is a failure: it did not finish what it had."""
    docker.knows(says=says(inside("orders", "exited", ExitCode=code)))

    told = ask("down", "--docker")

    assert told.code == exit_code
    assert [line.split() for line in told.out.splitlines()] == [
        ["SERVICE", "EXIT", "CODE"],
        ["orders", str(code)],
    ]
    assert [one for one in docker.calls if one in ("compose stop", "compose down")] == [
        "compose stop",
        "compose down",
    ]


def test_down_of_nothing_is_no_failure(docker: StandIn, ask: Ask) -> None:
    """Nothing is told to leave."""
    docker.knows(says=says())

    told = ask("down", "--docker")

    assert (told.code, told.out) == (0, "no containers run here\n")
    assert "compose stop" not in docker.calls
