"""What a service needs around it, read from the tree; nothing of it is run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.fleet import Fleet, Manifest, Service
from fleetwright_cli.graph import Graph, read_graph
from fleetwright_cli.graph._reading import topics
from fleetwright_cli.local._needs import answers_grpc, imports_events
from fleetwright_cli.standard import Repository
from fleetwright_cli.standard._repository import Unit
from fleetwright_cli.standard._settings import is_secret, settings_of
from fleetwright_cli.standard.parsed import Field

HTTP_PORT = 8000
GRPC_PORT = 50051
PROBES = frozenset(("/livez", "/readyz", "/info"))
# What a URL with a password in it is called; such a variable is a secret.
URLS_WITH_PASSWORDS = ("DATABASE_URL", "BROKER_URL")
_NO_SECRETS = ("_URL", "_SECONDS", "_DIRECTORY")  # TOKEN_URL is where, not what
_VERIFIES = re.compile(r"^pyjwt==", re.MULTILINE)
# What the runtime waits where its settings are not in the tree.
_RUNTIME_SECONDS = {"DRAIN_SECONDS": "10.0"}
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one service.

    Attributes:
        service: The service on disk.
        settings: The variables it reads, each with the field that reads it.
        without_default: Those among them that must be set.
        has_database: Whether it keeps data: it has migrations.
        has_events: Whether it publishes or hears.
        publishes: The topics it publishes.
        hears: The topics it hears.
        answers_grpc: Whether it is called over gRPC.
        verifies: Whether it looks at tokens.
        calls: The services it may call, by declaration.
        callers: The services that may call it.
        is_entrance: Whether it is called from outside.
    """

    service: Service
    settings: Mapping[str, Field]
    without_default: frozenset[str]
    has_database: bool
    has_events: bool
    publishes: tuple[str, ...]
    hears: tuple[str, ...]
    answers_grpc: bool
    verifies: bool
    calls: tuple[str, ...]
    callers: tuple[str, ...]
    is_entrance: bool

    @property
    def name(self) -> str:
        """Its name."""
        return self.service.name

    @property
    def is_consumer(self) -> bool:
        """Whether its load comes as events alone."""
        return bool(self.hears) and not self.callers and not self.is_entrance

    @property
    def sees_runtime(self) -> bool:
        """Whether the runtime's own settings are in the tree, and so known."""
        return "ENVIRONMENT" in self.settings

    @property
    def required(self) -> tuple[str, ...]:
        """The variables without which it does not do its work."""
        found = list(self.without_default)
        found += ["DATABASE_URL"] * self.has_database
        found += ["BROKER_URL"] * self.has_events
        found += ["AUTH_ISSUER", "AUTH_JWKS_URL"] * self.verifies
        found += ["TOKEN_CLIENT_SECRET", "TOKEN_URL"] * bool(self.calls)
        return tuple(
            sorted(
                {one for one in found if not self.sees_runtime or one in self.settings}
            )
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables whose values nobody may see."""
        return tuple(
            name
            for name in self.required
            if name in URLS_WITH_PASSWORDS or self.is_secret(name)
        )

    def is_secret(self, variable: str) -> bool:
        """Return whether nobody may see the value of a variable.

        Args:
            variable: Its name.
        """
        field = self.settings.get(variable)
        return field is not None and (
            "SecretStr" in field.annotation
            or (is_secret(field) and not variable.endswith(_NO_SECRETS))
        )

    def seconds(self, variable: str, given: Mapping[str, str]) -> float:
        """Return a time that a variable sets.

        Args:
            variable: Its name, for example DRAIN_SECONDS.
            given: What the service is told.
        """
        field = self.settings.get(variable)
        own = field.default if field else _RUNTIME_SECONDS.get(variable, "")
        said = given.get(variable) or own
        return float(said) if _NUMBER.fullmatch(said) else 0.0


@dataclass(frozen=True)
class World:
    """A fleet with what is known of its services.

    Attributes:
        fleet: The fleet on disk.
        repository: The same as the rules of the standard see it.
    """

    fleet: Fleet
    repository: Repository

    @property
    def manifest(self) -> Manifest:
        """What fleet.toml says."""
        return self.fleet.manifest

    @cached_property
    def graph(self) -> Graph:
        """Who needs whom."""
        return read_graph(self.repository)

    @cached_property
    def facts(self) -> dict[str, Facts]:
        """What is known of each service, by name.

        Raises:
            FleetError: `[deploy]` names a service that is not there.
        """
        _require_known(self.fleet)
        units = {one.name: one for one in self.repository.services}
        return {
            name: self._facts(service, units[name])
            for name, service in self.fleet.services.items()
        }

    def _facts(self, service: Service, unit: Unit) -> Facts:
        known = self.fleet.services
        edges = [one for one in self.graph.of("call") if one.is_declared]
        name = service.name
        lock = service.lock.read_text("utf-8") if service.lock.is_file() else ""
        migrations = service.folder / "src" / service.package / "migrations"
        settings, without_default = _settings(self.repository, unit)
        return Facts(
            service=service,
            settings=settings,
            without_default=without_default,
            has_database=migrations.is_dir(),
            has_events=imports_events(service.folder),
            publishes=tuple(sorted(set(topics(self.repository, unit, "send")))),
            hears=tuple(sorted(set(topics(self.repository, unit, "receive")))),
            answers_grpc=answers_grpc(service.folder),
            verifies=bool(_VERIFIES.search(lock)),
            calls=tuple(
                it.target for it in edges if it.source == name and it.target in known
            ),
            callers=tuple(it.source for it in edges if it.target == name),
            is_entrance=name in self.manifest.deploy.entrances,
        )


def _settings(
    repository: Repository, unit: Unit
) -> tuple[dict[str, Field], frozenset[str]]:
    """Return the variables that a service reads, and those without a default."""
    own = settings_of(repository, unit)
    known = {name for one in own for name in one.known}
    fields: dict[str, Field] = {}
    bare: dict[str, bool] = {}
    inherited = [
        it for lib in repository.libraries for it in settings_of(repository, lib)
    ]
    for one in (*inherited, *own):
        lines = repository.text(one.path).splitlines()
        prefix = one.found.config.get("env_prefix", "")
        for field in one.found.fields:
            variable = f"{prefix}{field.name}".upper()
            fields[variable] = field
            # A default of no letters reads as none: the line tells them apart.
            bare[variable] = not field.default and "=" not in lines[field.line - 1]
    found = {name: fields[name] for name in sorted(known) if name in fields}
    return found, frozenset(name for name in found if bare[name])


def _require_known(fleet: Fleet) -> None:
    """Make sure that `[deploy]` speaks of services of the fleet."""
    deploy = fleet.manifest.deploy
    for name in (*deploy.entrances, *deploy.services):
        if name not in fleet.services:
            raise FleetError(
                f"no service `{name}` is in this fleet",
                where=f"[deploy] in {fleet.root / 'fleet.toml'}",
                hint=f"name one of {', '.join(fleet.services)}",
                exit_code=WRONG_ARGUMENTS,
            )
