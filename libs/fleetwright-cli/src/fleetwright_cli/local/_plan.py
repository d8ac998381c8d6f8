"""Services to processes: which, on which ports, with which environment."""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.local import _ports
from fleetwright_cli.local._backing import Backing, backing, without_password
from fleetwright_cli.local._identity import NAME as ISSUER
from fleetwright_cli.local._identity import Identity, identity, require_known, verifying
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._log_levels import FILE as LOG_LEVELS
from fleetwright_cli.local._needs import answers_grpc, closure, providers

STATE_FOLDER = ".fleet"
# What belongs to the tool's own interpreter must not reach that of a service.
NOT_INHERITED = frozenset(
    {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
)
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a running fleet keeps what belongs to it.

    Attributes:
        root: The fleet's folder.
    """

    root: Path

    @property
    def run(self) -> Path:
        """What belongs to the current run."""
        return self.root / STATE_FOLDER / "run"

    @property
    def data(self) -> Path:
        """Databases and the broker's file."""
        return self.root / STATE_FOLDER / "data"

    @property
    def ports(self) -> Path:
        """The ports of all services."""
        return self.run / "ports.json"

    @property
    def map(self) -> Path:
        """Service names to URLs, read by the services."""
        return self.run / "map.json"

    @property
    def backing(self) -> Path:
        """Which broker and databases the services use."""
        return self.run / "backing.json"

    @property
    def faults(self) -> Path:
        """The faults that are switched on, read by the services."""
        return self.run / "faults.json"

    @property
    def changes(self) -> Path:
        """Every change of a process, a JSON line each."""
        return self.run / "changes.jsonl"

    @property
    def console(self) -> Path:
        """Where the console listens, and the keys to it."""
        return self.run / "console.json"

    @property
    def supervisor_log(self) -> Path:
        """What a supervisor in the background says."""
        return self.run / "supervisor.log"

    @property
    def logs(self) -> Path:
        """The log files of all processes."""
        return self.run / "logs"

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Make the folders; only their owner may look inside."""
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            self.run.mkdir(exist_ok=True)
            self.run.chmod(0o700)
            self.data.chmod(0o700)
        except OSError as error:
            raise FleetError(
                f"the fleet's state cannot be kept: {error.strerror}",
                where=str(self.root / STATE_FOLDER),
                hint="make that folder writable for you",
            ) from error


@dataclass(frozen=True, slots=True)
class Plan:
    """What `fleet up` is to run.

    Attributes:
        launches: The processes in alphabetical order, the issuer last.
        urls: Every service of the fleet with its URL, running or not; `stock.grpc` is
            where stock answers gRPC.
        stop_seconds: Grace between SIGTERM and SIGKILL.
        places: Where state is kept.
        backing: The broker and the databases.
        keepers: The services that are given a database, with their interpreters.
        identity: Who issues tokens; None when no service asks for any.
    """

    launches: tuple[Launch, ...]
    urls: Mapping[str, str]
    stop_seconds: float
    places: Places
    backing: Backing
    keepers: Mapping[str, Path]
    identity: Identity | None = None

    def write_map(self) -> None:
        """Write what the services and other commands read: URLs, clients, backing."""
        if self.identity is not None:
            self.identity.write()
        _ports.write_whole(self.places.map, json.dumps(self.urls, indent=2) + "\n")
        self.backing.write(self.places.backing)

    def prepare_backing(self) -> None:
        """Make sure that the servers are there, and the databases on them.

        Raises:
            FleetError: A server does not answer, or does not let us.
        """
        self.backing.require()
        if self.keepers:
            python = next(iter(self.keepers.values()))
            self.backing.make_databases(self.keepers, python)

    def clear_faults(self) -> None:
        """Begin without the faults of an earlier run."""
        self.places.faults.unlink(missing_ok=True)

    def require_free_ports(self) -> None:
        """Make sure that nobody else listens where a process is to listen.

        Raises:
            FleetError: Ports are in use.
        """
        ports = {launch.name: launch.port for launch in self.launches}
        for launch in self.launches:
            if launch.grpc_port is not None:
                ports[_grpc(launch.name)] = launch.grpc_port
        _ports.require_free(ports, file=self.places.ports)


def needed(fleet: Fleet, names: list[str] | None) -> list[Service]:
    """Return the services that were named with those they call; all for none.

    Args:
        fleet: The fleet on disk.
        names: What was typed.

    Raises:
        FleetError: There is no such service.
    """
    chosen = fleet.chosen(names)
    if not names:
        return chosen
    wanted = closure((service.name for service in chosen), _needs(fleet))
    return [service for name, service in fleet.services.items() if name in wanted]


def plan(
    fleet: Fleet, services: Iterable[Service], pythons: Mapping[str, Path]
) -> Plan:
    """Return the processes of services.

    Ports are given to all services of the fleet, so that they stay what they are
    whichever of them run.

    Args:
        fleet: The fleet on disk.
        services: Those to run.
        pythons: The interpreter of each service's environment.

    Raises:
        FleetError: A service has no interpreter, or state cannot be written.
    """
    Places(fleet.root).make()
    require_known(fleet)
    chosen = list(services)
    behind = backing(fleet, Places(fleet.root).data, _inherited())
    verifier = _verifier(fleet, chosen)
    grpc = _answering_grpc(fleet)
    ports = _ports_of(fleet, grpc, verifier, _ports.assign)
    found = {service.name: _interpreter(service, pythons) for service in chosen}
    issuer = None
    if verifier is not None:
        issuer = identity(
            fleet.services,
            python=found[verifier.name],
            port=ports[ISSUER],
            run=Places(fleet.root).run,
            environment=_inherited(),
        )
    needs = _needs(fleet)
    launches = [
        replace(
            _launch(fleet, service, name, ports, issuer=issuer, behind=behind),
            argv=_argv(found[service.name], service),
            needs=needs[service.name] | ({ISSUER} if issuer else frozenset()),
        )
        for service in chosen
        for name in _replicas(fleet, service.name)
    ]
    named = [*fleet.services, *map(_grpc, grpc)]
    urls = {name: f"http://{_ports.HOST}:{ports[name]}" for name in named}
    if issuer is not None:
        launches.append(issuer.launch)
        urls[ISSUER] = issuer.url
    stop_seconds = fleet.manifest.up.stop_seconds
    keepers = {it.service: found[it.service] for it in launches if it.database_url}
    places = Places(fleet.root)
    return Plan(
        tuple(launches), urls, stop_seconds, places, behind, keepers, identity=issuer
    )


def _interpreter(service: Service, pythons: Mapping[str, Path]) -> Path:
    """Return the interpreter of a service's environment."""
    python = pythons.get(service.name)
    if python is None or not python.exists():
        raise FleetError(
            f"{service.name} has no environment",
            where=str(python or service.lock),
            hint="`fleet lock` and then `fleet up` make it",
        )
    return python


def _launch(
    fleet: Fleet,
    service: Service,
    name: str,
    ports: Mapping[str, int],
    *,
    issuer: Identity | None,
    behind: Backing,
) -> Launch:
    """Return one process of a service, without what it runs and needs."""
    environment, database_url = _environment(
        fleet, service, name, ports, issuer=issuer, behind=behind
    )
    return Launch(
        name=name,
        service=service.name,
        argv=(),
        folder=service.folder,
        environment=environment,
        port=ports[name],
        grpc_port=ports.get(_grpc(name)),
        log_file=Places(fleet.root).log(name),
        database_url=database_url,
        watched=_watched(fleet, service),
    )


def wanted_ports(fleet: Fleet) -> dict[str, int]:
    """Return the port that each process of the fleet has, or would have.

    Args:
        fleet: The fleet on disk; nothing is kept there.
    """
    verifier = _verifier(fleet, fleet.services.values())
    return _ports_of(fleet, _answering_grpc(fleet), verifier, _ports.would_assign)


def _verifier(fleet: Fleet, services: Iterable[Service]) -> Service | None:
    """Return a service for whose sake an issuer of ours runs."""
    return None if ISSUER in fleet.services else verifying(services)


def _answering_grpc(fleet: Fleet) -> list[str]:
    return sorted(s for s, it in fleet.services.items() if answers_grpc(it.folder))


def _ports_of(
    fleet: Fleet,
    grpc: Iterable[str],
    verifier: Service | None,
    give: Callable[..., dict[str, int]],
) -> dict[str, int]:
    """Return the port of every process, and those for gRPC of services that answer it.

    Those come after all others: a service that begins to answer gRPC moves no port.
    """
    names = [name for service in fleet.services for name in _replicas(fleet, service)]
    names += [_grpc(name) for service in grpc for name in _replicas(fleet, service)]
    names += [ISSUER] if verifier else []
    first_port = fleet.manifest.up.first_port
    return give(names, first_port=first_port, file=Places(fleet.root).ports)


def _grpc(name: str) -> str:
    """Return what the port of a process for gRPC is called."""
    return f"{name}.grpc"


def _inherited() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in NOT_INHERITED}


def _needs(fleet: Fleet) -> dict[str, frozenset[str]]:
    known = set(fleet.services)
    return {
        name: frozenset(providers(service.folder) & known - {name})
        for name, service in fleet.services.items()
    }


def _replicas(fleet: Fleet, service: str) -> list[str]:
    own = fleet.manifest.up.services.get(service)
    count = own.replicas if own else 1
    return [service, *(f"{service}-{number}" for number in range(2, count + 1))]


def _argv(python: Path, service: Service) -> tuple[str, ...]:
    return (str(python), "-m", "fleetwright.serve", service.app, "--migrate")


def _watched(fleet: Fleet, service: Service) -> tuple[Path, ...]:
    """Return the folders and files whose changes restart a service."""
    libraries = (fleet.libraries[name].folder / "src" for name in service.libraries)
    return (service.folder / "src", service.folder / ".env", *libraries)


def _environment(
    fleet: Fleet,
    service: Service,
    name: str,
    ports: Mapping[str, int],
    *,
    issuer: Identity | None,
    behind: Backing,
) -> tuple[dict[str, str], str | None]:
    """Return the environment of a process, and the database URL given to it.

    A service with migrations gets a database. A default of ours stands back where the
    service's own `.env` has a value, because the environment would win over that file.
    """
    places = Places(fleet.root)
    up = fleet.manifest.up
    defaults = {"LOG_FORMAT": "json", "ENVIRONMENT": "development"}
    if (service.folder / "src" / service.package / "migrations").is_dir():
        defaults["DATABASE_URL"] = behind.database(service.name)
    defaults["BROKER_URL"] = behind.broker
    if issuer is not None:
        defaults |= issuer.given_to(service.name)
    callers = fleet.manifest.callers.get(service.name)
    if callers is not None:
        defaults["AUTH_CALLERS"] = ",".join(callers)
    own = assigned(service.folder / ".env")
    asked = up.services[service.name].environment if service.name in up.services else {}
    environment = _inherited()
    environment.update({k: v for k, v in defaults.items() if k not in own})
    environment.update(PYTHONUNBUFFERED="1", PYTHONPATH=str(service.folder / "src"))
    environment.update(asked)
    if "ENVIRONMENT" not in own and environment["ENVIRONMENT"] != "production":
        # A service that believes to be in production would refuse to start with it.
        environment["FLEET_FAULTS"] = str(places.faults)
    environment.update(HOST=_ports.HOST, PORT=str(ports[name]))
    environment["FLEET_MAP"] = str(places.map)
    environment["FLEET_LOG_LEVELS"] = str(places.run / LOG_LEVELS)
    if _grpc(name) in ports:
        environment["GRPC_PORT"] = str(ports[_grpc(name)])
    overruled = "DATABASE_URL" in own or "DATABASE_URL" in asked
    given = None if overruled else defaults.get("DATABASE_URL")
    return environment, given and without_password(given)


def assigned(file: Path) -> set[str]:
    """Return the names of the variables that a `.env` file sets, in upper case.

    Args:
        file: Where it is; a missing one sets nothing.
    """
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {found[1].upper() for line in lines if (found := _ASSIGNMENT.match(line))}
