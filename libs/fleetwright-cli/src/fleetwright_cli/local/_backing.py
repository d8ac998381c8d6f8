"""What stands behind the services: the broker and the databases."""

import json
import re
import socket
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import SplitResult, urlsplit

from fleetwright_cli._errors import FleetError
from fleetwright_cli._printer import paint
from fleetwright_cli.fleet import Fleet

ANSWER_SECONDS = 3.0
CREATE_SECONDS = 60.0
_EMBEDDED, _SQLITE = "embedded", "sqlite"
# What the scheme of a URL says: the kind, and the port where none is named.
_BROKERS = {
    "amqp": ("RabbitMQ", 5672),
    "amqps": ("RabbitMQ", 5671),
    "kafka": ("Kafka", 9092),
    "kafka+ssl": ("Kafka", 9092),
}
_SCRIPT = {"RabbitMQ": "rabbit", "Kafka": "kafka", "PostgreSQL": "postgres"}
_ASYNCPG = "postgresql+asyncpg"
_PASSWORD_IN_QUERY = re.compile(r"([?&]\w*password=)[^&#]*")  # that of a key, say


@dataclass(frozen=True, slots=True)
class Backing:
    """Which broker and which databases the services are given.

    Attributes:
        fleet: The fleet's name; databases on a server begin with it.
        data: Where files are kept.
        broker_url: A broker of its own; None for the file that the services share.
        postgres_url: Any database of the PostgreSQL whose databases are used; None
            for a SQLite file a service.
    """

    fleet: str
    data: Path
    broker_url: str | None = None
    postgres_url: str | None = None

    @property
    def broker(self) -> str:
        """What services get as BROKER_URL."""
        return self.broker_url or f"embedded:///{self.data / 'broker.db'}"

    def database(self, service: str) -> str:
        """Return what a service gets as DATABASE_URL.

        Args:
            service: Its name.
        """
        if self.postgres_url is None:
            return f"sqlite+aiosqlite:///{self.data / service}.db"
        server = urlsplit(self.postgres_url)
        name = self.database_name(service)
        return server._replace(scheme=_ASYNCPG, path=f"/{name}").geturl()

    def database_name(self, service: str) -> str:
        """Return what a service's database is called on a server.

        Args:
            service: Its name.
        """
        return f"{self.fleet}_{service}".replace("-", "_")

    def facts(self) -> dict[str, str]:
        """Return which are used, for people and programs; no password is in it."""
        broker, databases = _EMBEDDED, _SQLITE
        if self.broker_url is not None:
            broker = f"{_broker_kind(self.broker_url)} at {_place(self.broker_url)}"
        if self.postgres_url is not None:
            databases = f"PostgreSQL at {_place(self.postgres_url)}"
        return {"broker": broker, "databases": databases}

    def away(self) -> dict[str, FleetError | None]:
        """Return what keeps the broker and the databases, by name; None for nothing."""
        found: dict[str, FleetError | None] = {"broker": None, "databases": None}
        if self.broker_url is not None:
            kind = _broker_kind(self.broker_url)
            found["broker"] = _unheard(kind, "BROKER_URL", self.broker_url)
        if self.postgres_url is not None:
            found["databases"] = _unheard(
                "PostgreSQL", "POSTGRES_URL", self.postgres_url
            )
        return found

    def require(self) -> None:
        """Make sure that somebody listens where servers are named.

        Raises:
            FleetError: Nobody does.
        """
        for problem in self.away().values():
            if problem is not None:
                raise problem

    def make_databases(self, services: Iterable[str], python: Path) -> None:
        """Make the databases that are not there yet; nothing to do for files.

        Args:
            services: Those that keep data.
            python: The interpreter of one of them: it has a driver.

        Raises:
            FleetError: The server let nobody in, or its user may not make databases.
        """
        names = [self.database_name(service) for service in services]
        if self.postgres_url is None or not names:
            return
        command = [str(python), "-m", "fleetwright._create", self.postgres_url, *names]
        try:
            done = subprocess.run(  # noqa: S603 - our own module, named words
                command,
                capture_output=True,
                text=True,
                check=False,
                timeout=CREATE_SECONDS,
            )
            said = done.stderr.strip()
        except subprocess.TimeoutExpired:
            done, said = None, f"no answer in {CREATE_SECONDS:g} s"
        if done is None or done.returncode != 0:
            raise FleetError(
                "the databases of the services cannot be made",
                where=f"POSTGRES_URL, {_place(self.postgres_url)}: {said}",
                hint="name a user in POSTGRES_URL who may create databases",
            )

    def write(self, file: Path) -> None:
        """Note which are used, for `fleet ps`."""
        file.write_text(json.dumps(self.facts()) + "\n", encoding="utf-8")


def backing(fleet: Fleet, data: Path, environment: Mapping[str, str]) -> Backing:
    """Return the broker and the databases of a fleet.

    `BROKER_URL` and `POSTGRES_URL` of the environment go before fleet.toml, which says
    what is used without them.

    Args:
        fleet: The fleet on disk.
        data: Where it keeps files.
        environment: The variables of the command.

    Raises:
        FleetError: fleet.toml asks for a server that no variable names, or a variable
            names something else.
    """
    up = fleet.manifest.up
    broker_url = environment.get("BROKER_URL") or None
    if broker_url is None and up.broker != _EMBEDDED:
        raise _unnamed("broker", up.broker, "BROKER_URL")
    if broker_url is not None:
        if broker_url.startswith(f"{_EMBEDDED}:"):
            broker_url = None  # a file of ours: the one that all services share
        else:
            _broker_kind(broker_url)
    postgres_url = environment.get("POSTGRES_URL") or None
    if postgres_url is None and up.database == "postgres":
        raise _unnamed("database", up.database, "POSTGRES_URL")
    if postgres_url is not None:
        scheme = postgres_url.partition(":")[0]
        if scheme not in ("postgresql", "postgres", _ASYNCPG):
            raise _unknown("POSTGRES_URL", scheme, "postgresql://user@host:5432/name")
    return Backing(fleet.manifest.fleet.name, data, broker_url, postgres_url)


def read_backing(file: Path) -> dict[str, str]:
    """Return what a running fleet noted; empty when it noted nothing.

    Args:
        file: Where `Backing.write` put it.
    """
    try:
        found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def backing_line(facts: Mapping[str, str], stream: TextIO) -> str:
    """Return which broker and databases are used, on one line.

    Args:
        facts: Of `Backing.facts`.
        stream: Where it will be written; decides about colour.
    """
    return ", ".join(
        f"{what}: {paint(value, 'cyan', stream)}" for what, value in facts.items()
    )


def without_password(url: str) -> str:
    """Return a URL that may be shown.

    Args:
        url: Such as `postgresql://user:password@host/name`.
    """
    url = _PASSWORD_IN_QUERY.sub(r"\1***", url)
    parts = urlsplit(url)
    if parts.password is None:
        return url
    place = f"{parts.username}:***@{_place(url)}"
    return parts._replace(netloc=place).geturl()


def _broker_kind(url: str) -> str:
    """Return what a URL of a broker is the URL of."""
    scheme = url.partition(":")[0]
    if scheme not in _BROKERS:
        raise _unknown("BROKER_URL", scheme, "amqp://host:5672/, kafka://host:9092")
    return _BROKERS[scheme][0]


def _place(url: str) -> str:
    """Return the hosts and ports of a URL."""
    return urlsplit(url).netloc.rpartition("@")[2] or url.partition(":")[0]


def _listeners(parts: SplitResult) -> list[tuple[str, int]]:
    """Return the addresses of a URL; it may name several, with commas."""
    usual = _BROKERS.get(parts.scheme, ("", 5432))[1]
    found = []
    for one in parts.netloc.rpartition("@")[2].split(","):
        host, _, port = one.rpartition(":") if ":" in one else (one, "", "")
        if host:
            found.append((host.strip("[]"), int(port) if port.isdecimal() else usual))
    return found


def _unheard(kind: str, variable: str, url: str) -> FleetError | None:
    """Return what is wrong where nobody listens at any address of a URL."""
    problem: OSError | None = None
    for address in _listeners(urlsplit(url)):
        try:
            socket.create_connection(address, timeout=ANSWER_SECONDS).close()
        except OSError as error:
            problem = error
        else:
            return None
    if problem is None:  # it names none: a socket file, which its driver finds
        return None
    return FleetError(
        f"{kind} does not answer: {problem.strerror or problem}",
        where=f"{variable}, {_place(url)}",
        hint=f"start it (here: `scripts/infra up {_SCRIPT[kind]}`), "
        f"or unset {variable}",
    )


def _unnamed(key: str, value: str, variable: str) -> FleetError:
    return FleetError(
        f"where {value} is, nobody says",
        where=f'fleet.toml: [up] {key} = "{value}"',
        hint=f"set {variable} (`scripts/infra up {value}` starts one and prints it)",
    )


def _unknown(variable: str, scheme: str, examples: str) -> FleetError:
    return FleetError(
        f"{variable} begins with {scheme}:, which is nothing known here",
        where=f"the environment of this command: {variable}",
        hint=f"use for example {examples}; or unset it",
    )
