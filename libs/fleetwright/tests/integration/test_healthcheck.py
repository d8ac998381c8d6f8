"""The container's question whether the service is ready."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fleetwright
from fleetwright.healthcheck import is_ready

SCRIPT = Path(fleetwright.__file__).with_name("healthcheck.py")


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """Give the port of a server that answers one connection with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1024)
                peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_service_that_answers_200_is_ready() -> None:
    """The status line decides, not the body."""
    with answering(b"HTTP/1.1 200 OK\r\n\r\n{}") as port:
        assert is_ready(port)


def test_service_that_answers_503_is_not_ready() -> None:
    """A service that stops, or waits for its database, is not ready."""
    with answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n200") as port:
        assert not is_ready(port)


def test_port_without_a_listener_is_not_ready() -> None:
    """A refused connection is an answer, not an error."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))

        assert not is_ready(bound.getsockname()[1])


def test_script_ends_with_the_code_that_docker_reads() -> None:
    """Exit 0 is healthy, 1 is not; the port comes from PORT."""
    command = [sys.executable, "-S", str(SCRIPT)]
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        ready = subprocess.run(command, env={"PORT": str(port)}, check=False)
    gone = subprocess.run(command, env={"PORT": str(port)}, check=False)

    assert (ready.returncode, gone.returncode) == (0, 1)
