"""Every edge of the fleet: what a consumer needs against what its provider promises.

Only files are read. What was found about an edge is kept by the content of both sides.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fleetwright_contracts
from fleetwright_cli._digests import digest_of
from fleetwright_cli._errors import FleetError
from fleetwright_cli.contracts._declarations import Declarations
from fleetwright_cli.fleet import Fleet
from fleetwright_contracts import ContractError, Finding, Severity, Witness
from fleetwright_contracts.needs import Mismatch, Sent, misheard, sent_by, unmet

CACHE = ".fleet/cache/contracts/verdicts.json"
_MOST_KEPT = 2_000
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
    kept = _Kept(fleet.root / CACHE)
    sent = [*_sent(contracts), *retained]
    found: list[Mismatch] = []
    edges = 0
    for name, own in contracts.items():
        needs = own.get("needs") or {}
        for asked, compare in _edges(name, needs, contracts, sent):
            edges += 1
            found += kept.or_found(asked, compare)
    kept.keep()
    declared = Declarations(fleet)
    located = [_located(fleet, declared, one) for one in found]
    located.sort(key=lambda one: _ORDER.index(one.finding.severity))
    return Verification(located, edges)


_Edge = tuple[Any, Callable[[], list[Mismatch]]]


def _edges(
    name: str, needs: Mapping[str, Any], contracts: Contracts, sent: Sequence[Sent]
) -> Iterator[_Edge]:
    """Yield each edge of a consumer: what decides about it, and how to compare it."""
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


class _Kept:
    """What was found about edges before, by what decides about them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._engine = _engine()
        self._used: dict[str, Any] = {}
        try:
            self._known: dict[str, Any] = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def or_found(
        self, asked: Any, compare: Callable[[], list[Mismatch]]
    ) -> list[Mismatch]:
        """Return what is known of an edge, or find it out."""
        key = digest_of(self._engine, json.dumps(asked, sort_keys=True))[:32]
        if key not in self._known:
            try:
                self._known[key] = [_plain(one) for one in compare()]
            except ContractError as error:
                raise FleetError(
                    error.message,
                    where=f"the contracts of {asked[0]} and whom it needs",
                    hint=error.hint or "run `fleet contracts freeze`",
                ) from error
        self._used[key] = self._known[key]
        return [_mismatch(one) for one in self._known[key]]

    def keep(self) -> None:
        """Write what is known; a full disk is no fault."""
        others = {k: v for k, v in self._known.items() if k not in self._used}
        newest = dict(list(others.items())[-_MOST_KEPT:]) | self._used
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(newest), "utf-8")
        except OSError:
            pass


def _engine() -> str:
    """Return what changes when the engine does."""
    folder = Path(fleetwright_contracts.__file__).parent
    stats = [(str(file), file.stat()) for file in sorted(folder.rglob("*.py"))]
    return json.dumps([(name, it.st_size, it.st_mtime_ns) for name, it in stats])


def _plain(mismatch: Mismatch) -> dict[str, Any]:
    """Return a mismatch as JSON-ready values."""
    return asdict(mismatch)


def _mismatch(values: Mapping[str, Any]) -> Mismatch:
    """Return the mismatch of JSON-ready values."""
    said = dict(values["finding"])
    said["severity"] = Severity(said["severity"])
    said["witness"] = Witness(**said["witness"]) if said["witness"] else None
    return Mismatch(
        values["consumer"], values["provider"], values["declared"], Finding(**said)
    )
