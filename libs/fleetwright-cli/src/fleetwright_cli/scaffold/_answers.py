"""What was asked for when a fleet, a service or a library was made."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.scaffold._names import class_of, package_of
from fleetwright_cli.scaffold._render import Values

Framework = Literal["fastapi", "flask", "worker", "grpc"]
Pipeline = Literal["github", "gitlab"]
# The extras of the runtime that a service of each kind needs.
_EXTRAS = {
    "fastapi": ["fastapi", "auth"],
    "flask": ["flask", "auth"],
    "worker": ["fastapi"],
    "grpc": ["fastapi", "grpc", "auth"],
}


@dataclass(frozen=True, slots=True)
class FleetAnswers:
    """What a fleet was made with.

    Attributes:
        name: Its name.
        owner: Who answers for all that has no other owner.
        ci: Whose pipeline it has.
    """

    name: str
    owner: str
    ci: Pipeline = "github"

    def values(self) -> Values:
        """Return what the templates know of it."""
        return {
            "fleet": self.name,
            "fleet_package": package_of(self.name),
            "fleet_owner": self.owner,
            "github": self.ci == "github",
            "gitlab": self.ci == "gitlab",
        }


@dataclass(frozen=True, slots=True)
class ServiceAnswers:
    """What a service was made with.

    Attributes:
        name: Its name.
        owner: Who answers for it.
        framework: How it is served.
        database: Whether it keeps something.
        events: Whether it publishes, or hears.
    """

    name: str
    owner: str
    framework: Framework = "fastapi"
    database: bool = False
    events: bool = False

    @property
    def contract(self) -> str:
        """The library of what it promises over gRPC."""
        return f"{self.name}-api"

    @property
    def asks_for_tokens(self) -> bool:
        """Whether one of its calls is not for everyone."""
        return self.framework == "grpc" or (
            self.database and self.framework != "worker"
        )

    def require_sense(self) -> None:
        """Refuse what cannot be.

        Raises:
            FleetError: A part is asked for without the one that it needs.
        """
        typed = f"fleet add service {self.name} --framework {self.framework}"
        hint = f"`{typed} --database --events`"
        if self.framework == "worker" and not self.events:
            raise FleetError(
                "a worker hears events, and does nothing without them",
                hint=hint,
                exit_code=WRONG_ARGUMENTS,
            )
        if self.events and not self.database:
            raise FleetError(
                "events need a database: they are published in the transaction they "
                "tell of, and heard once by what it remembers",
                hint=hint,
                exit_code=WRONG_ARGUMENTS,
            )

    def values(self) -> Values:
        """Return what the templates know of it."""
        extras = list(_EXTRAS[self.framework])
        extras += ["events", "sqlite", "postgres"] if self.database else []
        extras += ["rabbit", "kafka"] if self.events else []
        kind = self.framework
        return {
            "service": self.name,
            "package": package_of(self.name),
            "Class": class_of(self.name),
            "VARIABLE": package_of(self.name).upper(),
            "owner": self.owner,
            "contract": self.contract,
            "contract_package": package_of(self.contract),
            "extras": ",".join(extras),
            "fastapi": kind == "fastapi",
            "flask": kind == "flask",
            "grpc": kind == "grpc",
            "worker": kind == "worker",
            "web": kind in {"fastapi", "flask"},
            "sync": kind == "flask",
            "database": self.database,
            "events": self.events,
            "closed": self.asks_for_tokens,
        }


@dataclass(frozen=True, slots=True)
class LibraryAnswers:
    """What a library was made with.

    Attributes:
        name: Its name.
        owner: Who answers for it.
    """

    name: str
    owner: str

    def values(self) -> Values:
        """Return what the templates know of it."""
        return {
            "library": self.name,
            "package": package_of(self.name),
            "owner": self.owner,
        }


Answers = FleetAnswers | ServiceAnswers | LibraryAnswers
KINDS: dict[str, type[Answers]] = {
    "fleet": FleetAnswers,
    "service": ServiceAnswers,
    "library": LibraryAnswers,
}


def written(answers: Answers) -> str:
    """Return answers as the text that is kept."""
    kind = next(name for name, one in KINDS.items() if isinstance(answers, one))
    facts: dict[str, Any] = {"kind": kind, **asdict(answers)}
    return json.dumps(facts, indent=2) + "\n"


def read(text: str, where: str) -> Answers:
    """Return answers from the text that was kept.

    Args:
        text: What `written` returned.
        where: The file, for the error.

    Raises:
        FleetError: It is not what was written.
    """
    try:
        facts = json.loads(text)
        facts.pop("port", None)  # compose has them in the order of names now
        return KINDS[facts.pop("kind")](**facts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FleetError(
            f"what a scaffold was made with cannot be read: {error!r}",
            where=where,
            hint=f"`git checkout -- {where}` brings back what was committed",
        ) from error
