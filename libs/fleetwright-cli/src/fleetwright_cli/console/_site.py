"""What every page of one console shares."""

import json
from dataclasses import dataclass, field
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.console._access import Keys
from fleetwright_cli.console._feed import Feed
from fleetwright_cli.console._reader import Reader
from fleetwright_cli.console._store import Store
from fleetwright_cli.console._stream import Stream
from fleetwright_cli.contracts import frozen
from fleetwright_cli.fleet import Fleet
from fleetwright_cli.local._fault_plan import FaultPlan
from fleetwright_cli.local._needs import imports_events, providers
from fleetwright_cli.local._plan import Places
from fleetwright_contracts.needs import sent_by

COLOURS = 8


@dataclass(frozen=True, slots=True)
class Site:
    """One fleet with what is known of its run.

    Attributes:
        fleet: The fleet on disk.
        places: Where it keeps its state.
        keys: Who may look.
        store: Where telemetry is kept.
        reader: Answers questions about it.
        feed: How the processes are.
        stream: Tells browsers what is new.
        needs: Whom each service calls, as declared.
        speaking: The services that have to do with events.
        heard: Who publishes what whom hears, as frozen; empty where nothing is.
    """

    fleet: Fleet
    places: Places
    keys: Keys
    store: Store
    reader: Reader
    feed: Feed
    stream: Stream
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    speaking: tuple[str, ...] = ()
    heard: frozenset[tuple[str, str]] = frozenset()

    @property
    def statuses(self) -> list[dict[str, Any]]:
        """Return `Status.facts()` of every process."""
        found: list[dict[str, Any]] = self.feed.report["services"]
        return found

    @property
    def names(self) -> list[str]:
        """Return the services and processes that are known, in order."""
        running = {str(facts["name"]) for facts in self.statuses}
        return sorted({*self.fleet.services, *running})

    def colour(self, name: str) -> int:
        """Return the number of a name's colour: its own in every picture.

        Args:
            name: A service, or what is behind one.
        """
        names = self.names
        if name in names:
            return names.index(name) % COLOURS
        return sum(name.encode()) % COLOURS

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that are switched on."""
        return FaultPlan.read(self.places.faults).faults

    def urls(self) -> dict[str, str]:
        """Return every service's address, running or not."""
        try:
            found: dict[str, str] = json.loads(self.places.map.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found


def declared(fleet: Fleet) -> dict[str, tuple[str, ...]]:
    """Return whom each service calls, as its sources say.

    Args:
        fleet: The fleet on disk.
    """
    known = set(fleet.services)
    return {
        name: tuple(sorted(providers(service.folder) & known - {name}))
        for name, service in fleet.services.items()
    }


def hearing(fleet: Fleet) -> frozenset[tuple[str, str]]:
    """Return the pairs of who publishes an event and who hears it, as frozen.

    Args:
        fleet: The fleet on disk.
    """
    try:
        contracts = frozen(fleet.services.values())
    except FleetError:
        return frozenset()
    sent = [
        (name, one.topic)
        for name, own in contracts.items()
        for one in sent_by(name, own.get("asyncapi") or {})
    ]
    return frozenset(
        (publisher, name)
        for name, own in contracts.items()
        for heard in (own.get("needs") or {}).get("hears", ())
        for publisher, topic in sent
        if topic == heard["topic"]
    )


def with_events(fleet: Fleet) -> tuple[str, ...]:
    """Return the services that publish or hear events.

    Args:
        fleet: The fleet on disk.
    """
    services = fleet.services.items()
    return tuple(name for name, it in services if imports_events(it.folder))
