"""Every edge of the fleet: what a consumer needs against what its provider promises.

Only files are read. What was found about an edge is kept by the content of both sides.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fleetwright_cli.contracts._declarations import Declarations
from fleetwright_cli.contracts._kept import Kept
from fleetwright_cli.fleet import Fleet
from fleetwright_contracts import Finding, Severity
from fleetwright_contracts.needs import Mismatch, Sent, misheard, sent_by, unmet

_ORDER = list(Severity)

Contracts = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Unmet:
    """A need that is not met, with the line that says it.

    Attributes:
        mismatch: What is needed, of whom, and what was found.
        file: The consumer's file, below the fleet's root.
        line: The line there.
    """

    mismatch: Mismatch
    file: str
    line: int

    @property
    def finding(self) -> Finding:
        """What was found."""
        return self.mismatch.finding

    @property
    def fails(self) -> bool:
        """Whether the consumer does not fit."""
        return self.finding.severity in (Severity.ERROR, Severity.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found about all edges.

    Attributes:
        unmet: The worst first.
        edges: How many edges there are: clients, stubs and events that are heard.
    """

    unmet: Sequence[Unmet]
    edges: int

    @property
    def failing(self) -> list[Unmet]:
        """The needs because of which the fleet does not fit together."""
        return [one for one in self.unmet if one.fails]


def verify(
    fleet: Fleet, contracts: Contracts, retained: Iterable[Sent] = ()
) -> Verification:
    """Return which needs of the fleet's services are not met.

    Args:
        fleet: The fleet on disk.
        contracts: What each service promises and needs, by name and kind.
        retained: Messages of earlier versions that may still be in their topics.

    Raises:
        FleetError: A contract is none.
    """
    kept = Kept(fleet.root)
    sent = [*_sent(contracts), *retained]
    found: list[Mismatch] = []
    edges = 0
    for name, own in contracts.items():
        needs = own.get("needs") or {}
        for asked, compare in edges_of(name, needs, contracts, sent):
            edges += 1
            found += kept.or_found(asked, compare)
    kept.keep()
    declared = Declarations(fleet)
    located = [_located(fleet, declared, one) for one in found]
    located.sort(key=lambda one: _ORDER.index(one.finding.severity))
    return Verification(located, edges)


_Edge = tuple[Any, Callable[[], list[Mismatch]]]


def edges_of(
    name: str, needs: Mapping[str, Any], contracts: Contracts, sent: Sequence[Sent]
) -> Iterator[_Edge]:
    """Yield each edge of a consumer: what decides about it, and how to compare it.

    Args:
        name: The consumer.
        needs: What it needs.
        contracts: What the others promise.
        sent: The messages that it may hear.
    """
    for call in needs.get("calls", ()):
        if not call["is_external"]:
            yield _calling(name, call, contracts)
    for call in needs.get("rpc", ()):
        yield _calling_rpc(name, call, contracts)
    for heard in needs.get("hears", ()):
        yield _hearing(name, heard, sent)


def _calling(name: str, call: Mapping[str, Any], contracts: Contracts) -> _Edge:
    provider, client = call["provider"], call["client"]
    promised = contracts.get(provider, {}).get("openapi")

    def compare() -> list[Mismatch]:
        if promised is None:
            return [_unknown_provider(name, provider, client)]
        return unmet(
            call["needs"], promised, consumer=name, provider=provider, client=client
        )

    return [name, call, promised], compare


def _calling_rpc(name: str, call: Mapping[str, Any], contracts: Contracts) -> _Edge:
    """Yield the edge of a stub: its methods are those of a shared `.proto` file."""
    is_there = call["provider"] in contracts

    def compare() -> list[Mismatch]:
        if is_there:
            return []
        return [_unknown_provider(name, call["provider"], call["stub"])]

    return [name, call, is_there], compare


def _hearing(name: str, heard: Mapping[str, Any], sent: Sequence[Sent]) -> _Edge:
    fitting = [one for one in sent if one.topic == heard["topic"]]
    asked = [name, heard, [asdict(one) for one in fitting]]
    return asked, lambda: misheard([heard], fitting, consumer=name)


def _unknown_provider(name: str, provider: str, client: str) -> Mismatch:
    finding = Finding(
        "provider-unknown",
        Severity.ERROR,
        client,
        f"no service `{provider}` promises an API",
        mend="name a service of the fleet, or run `fleet contracts freeze` there",
    )
    return Mismatch(name, provider, client, finding)


def _sent(contracts: Contracts) -> Iterator[Sent]:
    """Yield all that is published in the fleet now."""
    for name, own in contracts.items():
        if own.get("asyncapi"):
            yield from sent_by(name, own["asyncapi"])


def _located(fleet: Fleet, declared: Declarations, mismatch: Mismatch) -> Unmet:
    """Return a mismatch with the line of the consumer that it is about."""
    place = declared.place(mismatch.declared)
    if place is None:
        folder = fleet.services[mismatch.consumer].folder
        place = folder / "contracts" / "needs.json", 1
    return Unmet(mismatch, str(place[0].relative_to(fleet.root)), place[1])
