"""What is told of running containers, and how calls to them end; no engine is asked.

With one, `.ci/compose` looks at the shop's own.
"""

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import replay as command
from containers import breaches
from shop_replay import caller
from shop_replay.composed import ComposedFleet, Container

WELL: dict[str, Any] = {
    "Id": "c1",
    "Config": {"User": "10001:10001", "Env": ["A=b=c"]},
    "HostConfig": {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "CapAdd": None,
        "Privileged": False,
        "SecurityOpt": ["no-new-privileges:true"],
        "Memory": 1,
        "NanoCpus": 1,
        "PidsLimit": 1,
    },
    "Mounts": [{"Type": "bind", "RW": False, "Source": "/s", "Destination": "/d"}],
    "NetworkSettings": {
        "Ports": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "9"}]}
    },
    "State": {
        "Pid": 7,
        "Running": True,
        "ExitCode": 0,
        "Health": {"Status": "healthy"},
    },
}
STATUS = (
    "Uid:\t10001\t10001\t10001\t10001\nCapPrm:\t0\nCapEff:\t0\nCapBnd:\t0\n"
    "NoNewPrivs:\t1\n"
)
FAULTS: list[tuple[str, str, Any, str]] = [
    ("Config", "User", "", "its user is 'root'"),
    ("Config", "User", "app", "its user is 'app'"),
    ("Config", "User", "0:0", "its user is '0:0'"),
    ("HostConfig", "ReadonlyRootfs", False, "write to its root"),
    ("HostConfig", "CapDrop", None, "has capabilities"),
    ("HostConfig", "CapAdd", ["NET_ADMIN"], "has capabilities"),
    ("HostConfig", "Privileged", True, "is privileged"),
    ("HostConfig", "SecurityOpt", None, "may gain privileges"),
    ("HostConfig", "Memory", 0, "Memory has no limit"),
    ("HostConfig", "NanoCpus", 0, "NanoCpus has no limit"),
    ("HostConfig", "PidsLimit", None, "PidsLimit has no limit"),
    ("NetworkSettings", "Ports", {"1/tcp": [{"HostIp": "10.0.0.1"}]}, "open to other"),
    (
        "Mounts",
        "",
        [{"Type": "bind", "RW": True, "Source": "/var/run/docker.sock"}],
        "may write to /var/run/docker.sock",
    ),
]


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """Give what the kernel tells of the container's process."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text(STATUS)
    return tmp_path


def test_container_with_few_rights_has_no_breach(kernel: Path) -> None:
    """As the shop's are."""
    assert list(breaches(Container("c1", "till", WELL), kernel)) == []


@pytest.mark.parametrize(("part", "key", "value", "words"), FAULTS)
def test_what_the_engine_was_told_is_seen(
    kernel: Path, part: str, key: str, value: Any, words: str
) -> None:
    """Each right too many is told alone."""
    facts = deepcopy(WELL)
    if key:
        facts[part][key] = value
    else:
        facts[part] = value

    (found,) = breaches(Container("c1", "till", facts), kernel)

    assert words in found


@pytest.mark.parametrize(
    ("line", "other", "words"),
    [
        ("Uid:\t10001\t10001", "Uid:\t10001\t0", "process is root's"),
        ("CapEff:\t0", "CapEff:\t1", "CapEff"),
        ("CapBnd:\t0", "CapBnd:\ta80425fb", "CapBnd"),
        ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "may gain privileges"),
    ],
)
def test_what_the_kernel_says_is_seen(
    kernel: Path, line: str, other: str, words: str
) -> None:
    """Also where the engine was told otherwise."""
    (kernel / "7" / "status").write_text(STATUS.replace(line, other))

    (found,) = breaches(Container("c1", "till", WELL), kernel)

    assert words in found


def test_container_is_reached_by_what_it_publishes() -> None:
    """Its ports, its variables, its files and its health are read as Docker tells."""
    one = Container("c1", "till", WELL)

    assert one.address(8000) == "127.0.0.1:9"
    assert one.address(1) is None
    assert one.variables == {"A": "b=c"}
    assert one.mounted("/d") == Path("/s")
    assert one.mounted("/e") is None
    assert one.state == "ready"


def test_servers_of_containers_are_reached_from_here() -> None:
    """A URL that is good in the network is made one that is good outside of it."""
    server, orders = deepcopy(WELL), deepcopy(WELL)
    place = [{"HostIp": "127.0.0.1", "HostPort": "99"}]
    server["NetworkSettings"]["Ports"] = {"5672/tcp": place}
    orders["Config"]["Env"] = ["BROKER_URL=amqp://a:b@rabbit:5672/"]
    fleet = ComposedFleet("p", {"rabbit": Container("c2", "rabbit", server)})
    fleet.containers["orders"] = Container("c1", "orders", orders)

    assert fleet.broker == "amqp://a:b@127.0.0.1:99/"
    assert fleet.urls() == {"orders": "http://127.0.0.1:9"}
    assert fleet.issuer() is None


@pytest.mark.parametrize(
    "words",
    [
        ["--compose", "p", "--up", "--sample", "1"],
        ["--compose", "p", "--chaos", "1", "--sample", "1"],
        ["--stops", "--sample", "1"],
    ],
)
def test_what_containers_are_not_for_is_refused(words: list[str]) -> None:
    """Before anything is asked of Docker."""
    assert command.main(words) == 2


Answer = Callable[[socket.socket], None]


@contextlib.contextmanager
def answering(answer: Answer) -> Iterator[int]:
    """Listen, read a request and answer it by a function; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(65536)
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def whole(connection: socket.socket) -> None:
    """Answer as a service that leaves does."""
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    )


def half(connection: socket.socket) -> None:
    """End in the middle of an answer."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")


def none(connection: socket.socket) -> None:
    """End without an answer."""


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (whole, {"200"}),
        (half, {"cut: IncompleteRead"}),
        (none, {"cut: RemoteDisconnected"}),
    ],
)
def test_caller_tells_how_its_calls_ended(answer: Answer, ended: set[str]) -> None:
    """In a process of its own, as in a container: by its text, over its streams."""
    script = Path(caller.__file__).read_text("utf-8")
    with answering(answer) as port, socket.create_server(("127.0.0.1", 0)) as bound:
        target = {"host": "127.0.0.1", "port": port, "path": "/", "headers": {}}
        away = target | {"port": bound.getsockname()[1]}
        bound.close()
        line = json.dumps({"till": target, "away": away}) + "\n"
        with subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdin is not None and child.stdout is not None
            child.stdin.write(line)
            counts: dict[str, dict[str, int]] = {}
            while not (counts.get("till") and counts.get("away")):
                child.stdin.write(line)
                child.stdin.flush()
                counts = json.loads(child.stdout.readline())
            child.stdin.close()

    assert set(counts["till"]) == ended
    assert set(counts["away"]) == {"refused"}
