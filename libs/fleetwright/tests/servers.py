"""Real servers for tests: those somebody gives, and those a test may kill."""

import json
import os
import secrets
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

INFRA = Path(__file__).resolve().parents[3] / "scripts" / "infra"
MISSING = 3  # how scripts/infra says that something must be installed first


def given(variable: str, what: str) -> str:
    """Return the URL of a server that is there; skip the test where there is none.

    Args:
        variable: The variable that names it.
        what: What it is, for whoever reads why a test was skipped.
    """
    url = os.environ.get(variable, "")
    if not url:
        absent(f'no {what}: set {variable}, or run `eval "$(scripts/infra up)"`')
    return url


def absent(reason: str) -> None:
    """Skip, for the reason; fail where servers are required."""
    if os.environ.get("FLEET_REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """Give the URL of an empty database on the server of `url`; it is dropped after.

    Args:
        url: A database of the server, whose user may create others.
    """
    parts = urlsplit(url)
    admin = urlunsplit(parts._replace(scheme="postgresql"))
    name = f"test_{os.getpid()}_{secrets.token_hex(4)}"
    quoted = sql.Identifier(name)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(quoted))
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(quoted)
            )


@contextmanager
def own_vhost(url: str) -> Iterator[str]:
    """Give the URL of an empty virtual host of the RabbitMQ at `url`.

    Where its HTTP API cannot be asked for one (`TEST_RABBIT_API_URL`, else the AMQP
    port plus 10000), the URL itself is given.

    Args:
        url: Any virtual host of the server.
    """
    parts = urlsplit(url)
    name = f"test_{os.getpid()}_{secrets.token_hex(4)}"
    api = os.environ.get("TEST_RABBIT_API_URL") or (
        f"http://{parts.hostname}:{(parts.port or 5672) + 10000}"
    )
    place = f"{api.rstrip('/')}/api/vhosts/{quote(name)}"
    login = f"{parts.username or 'guest'}:{parts.password or 'guest'}"
    if not _asked("PUT", place, login):
        yield url
        return
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        _asked("DELETE", place, login)


def _asked(method: str, url: str, login: str) -> bool:
    """Whether the HTTP API did as it was asked."""
    headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}
    request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310
            return True
    except (urllib.error.URLError, OSError):
        return False


class OwnServer:
    """A real server that a test may kill, started by `scripts/infra`.

    Attributes:
        url: Where it is; the same before and after it was killed.
    """

    def __init__(self, kind: str, *, tls: bool = False) -> None:
        """Start one and wait until it answers.

        Args:
            kind: `postgres`, `rabbit` or `kafka`.
            tls: Whether it speaks TLS, and nothing else.
        """
        self._kind = kind
        self._name = f"test-{os.getpid()}-{secrets.token_hex(3)}"
        mine = str(os.getpid())  # it ends with us, also where we are killed
        words = ["--port", "0", "--durable", "--json", "--while", mine]
        up = self._run("up", *words, *(["--tls"] if tls else []))
        self.url: str = json.loads(up)[kind]["url"]

    def kill(self) -> None:
        """End the whole server with SIGKILL, at once; its data stays."""
        self._run("kill")

    def start(self) -> None:
        """Start it anew on the same data, and wait until it answers."""
        self._run("start")

    def stop(self) -> None:
        """Stop it as its administrator would; its data stays."""
        self._run("stop")

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing is answered."""
        self._run("pause")

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._run("resume")

    def remove(self) -> None:
        """End it and remove its data."""
        self._run("down")

    def _run(self, verb: str, *options: str) -> str:
        command = [str(INFRA), verb, self._kind, "--name", self._name, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == MISSING:
            absent(done.stderr.strip())
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        return done.stdout


@contextmanager
def own_server(kind: str, *, tls: bool = False) -> Iterator[OwnServer]:
    """Give a server of its own; nothing of it is left after.

    Args:
        kind: `postgres`, `rabbit` or `kafka`.
        tls: Whether it speaks TLS, and nothing else.
    """
    server = OwnServer(kind, tls=tls)
    try:
        yield server
    finally:
        server.remove()
