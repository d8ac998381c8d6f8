"""Contracts: what every consumer needs against what its providers promise.

Only the frozen contracts are read. They are compared anew when one of them, or a file
that a finding is about, has changed.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.console._asked import Asked
from fleetwright_cli.console._site import Site
from fleetwright_cli.contracts import KINDS, Unmet, Verification, frozen, verify
from fleetwright_cli.contracts._declarations import Declarations
from fleetwright_cli.contracts._words import unmet_data
from fleetwright_cli.fleet import Fleet, Service
from fleetwright_contracts import verdict_of
from fleetwright_contracts.needs import Sent, sent_by

_WORST = ("breaks", "unknown", "fits")
Stamps = Mapping[Path, tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Edge:
    """One client, stub or event that a service hears.

    Attributes:
        consumer: The service that needs it.
        provider: Whom it calls, or the topic that it hears.
        kind: `call`, `rpc` or `event`.
        declared: Where it says so: `orders.clients:Catalog`.
        needs: The operations, or the version of the event, in words.
        sources: Who publishes the event; the provider of a call.
    """

    consumer: str
    provider: str
    kind: str
    declared: str
    needs: tuple[str, ...]
    sources: tuple[str, ...]

    def has(self, unmet: Unmet) -> bool:
        """Return whether a need that is not met is one of this edge."""
        mismatch = unmet.mismatch
        own = mismatch.declared
        is_ours = own == self.declared or own.startswith(f"{self.declared}.")
        return is_ours and mismatch.consumer == self.consumer


@dataclass(frozen=True, slots=True)
class Compared:
    """All edges of a fleet, and what is wrong with them.

    Attributes:
        edges: As the needs say them.
        unmet: What is not met, by the number of its edge.
        places: The file and the line of each edge, by its number.
        failed: Why nothing could be compared; empty otherwise.
    """

    edges: list[Edge]
    unmet: Mapping[int, list[Unmet]] = field(default_factory=dict)
    places: Mapping[int, str] = field(default_factory=dict)
    failed: str = ""

    def verdict(self, numbers: Iterable[int]) -> str:
        """Return the worst verdict of some edges; empty for none."""
        found = [
            str(verdict_of([one.finding for one in self.unmet.get(number, ())]).value)
            for number in numbers
        ]
        return min(found, key=_WORST.index, default="")


class Promises:
    """The comparison, kept as long as the files are what they were."""

    def __init__(self, fleet: Fleet) -> None:
        """Compare nothing yet.

        Args:
            fleet: The fleet on disk.
        """
        self._fleet = fleet
        self._lock = threading.Lock()
        self._stamps: Stamps | None = None
        self._found = Compared([])

    def contracts(self, site: Site, asked: Asked) -> dict[str, Any]:
        """Return who needs what of whom, and whether it fits; one edge in full."""
        found = self.get()
        chosen = (asked.text("consumer"), asked.text("provider"))
        numbers = [
            number
            for number, edge in enumerate(found.edges)
            if (edge.consumer, edge.provider) == chosen
        ]
        return {
            "failed": found.failed,
            "edges": len(found.edges),
            "counts": _counts(found),
            "calls": _matrix(found, events=False),
            "events": _matrix(found, events=True),
            "chosen": " → ".join(chosen) if numbers else "",
            "opened": [_opened(found, number) for number in numbers],
        }

    def get(self) -> Compared:
        """Return the comparison of the contracts as they are now."""
        with self._lock:
            if self._stamps is None or self._stamps != stamps(self._stamps):
                self._found, read = _compared(self._fleet)
                self._stamps = stamps(read)
            return self._found


def _compared(fleet: Fleet) -> tuple[Compared, list[Path]]:
    """Return what is found, and the files that it was found in."""
    services = list(fleet.services.values())
    read = contract_files(services)
    try:
        contracts = frozen(services)
        edges = list(_edges(contracts))
        unmet = verify(fleet, contracts).unmet
    except FleetError as error:
        return Compared([], failed=str(error)), read
    by_edge = {
        number: [one for one in unmet if edge.has(one)]
        for number, edge in enumerate(edges)
    }
    places = dict(_places(fleet, edges))
    read += [fleet.root / text.rpartition(":")[0] for text in places.values()]
    return Compared(edges, by_edge, places), read


def contract_files(services: Iterable[Service]) -> list[Path]:
    """Return where the contracts of services are, or would be.

    Args:
        services: Whose.
    """
    return [
        one.folder / "contracts" / f"{kind}.json" for one in services for kind in KINDS
    ]


def _places(fleet: Fleet, edges: list[Edge]) -> Iterator[tuple[int, str]]:
    """Yield the line that each edge is declared in, below the fleet's root."""
    declarations = Declarations(fleet)
    for number, edge in enumerate(edges):
        place = declarations.place(edge.declared)
        if place is not None:
            yield number, f"{place[0].relative_to(fleet.root)}:{place[1]}"


def _edges(contracts: Mapping[str, Mapping[str, Any]]) -> Iterator[Edge]:
    """Yield the edges of all services, as they say what they need."""
    sent = [
        message
        for name, own in contracts.items()
        for message in sent_by(name, own.get("asyncapi") or {})
    ]
    for name, own in contracts.items():
        needs = own.get("needs") or {}
        for call in needs.get("calls", ()):
            if not call["is_external"]:
                whom, words = call["provider"], tuple(_operations(call["needs"]))
                yield Edge(name, whom, "call", call["client"], words, (whom,))
        for rpc in needs.get("rpc", ()):
            yield Edge(
                name, rpc["provider"], "rpc", rpc["stub"], (), (rpc["provider"],)
            )
        for heard in needs.get("hears", ()):
            yield _hearing(name, heard, sent)


def _hearing(name: str, heard: Mapping[str, Any], sent: list[Sent]) -> Edge:
    topic = str(heard["topic"])
    sources = sorted({one.publisher for one in sent if one.topic == topic})
    words = (f"version {heard['version']}",)
    return Edge(name, topic, "event", str(heard["event"]), words, tuple(sources))


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    for path, item in document.get("paths", {}).items():
        yield from (f"{method.upper()} {path}" for method in item if method in _METHODS)


_METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})


def stamps(files: Iterable[Path]) -> Stamps:
    """Return what differs once one of the files is written, made or taken away.

    Args:
        files: Which ones, whether they are there or not.
    """
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _counts(found: Compared) -> list[dict[str, Any]]:
    """Return how many edges fit, break and are not known, the worst first."""
    verdicts = [found.verdict([number]) for number in range(len(found.edges))]
    return [
        {"verdict": one, "count": verdicts.count(one)}
        for one in _WORST
        if one in verdicts
    ]


def _matrix(found: Compared, *, events: bool) -> dict[str, Any]:
    """Return a verdict where each consumer meets what it needs; topics are rows."""
    cells: dict[tuple[str, str], list[int]] = {}
    for number, edge in enumerate(found.edges):
        if (edge.kind == "event") is events:
            cells.setdefault((edge.consumer, edge.provider), []).append(number)
    consumers = sorted({one for one, _ in cells})
    providers = sorted({other for _, other in cells})
    rows, columns = (providers, consumers) if events else (consumers, providers)
    return {
        "columns": columns,
        "rows": [
            {
                "name": row,
                "cells": [
                    _cell(found, cells, (column, row) if events else (row, column))
                    for column in columns
                ],
            }
            for row in rows
        ],
    }


def _cell(
    found: Compared, cells: Mapping[tuple[str, str], list[int]], pair: tuple[str, str]
) -> dict[str, Any]:
    numbers = cells.get(pair, [])
    return {
        "consumer": pair[0],
        "provider": pair[1],
        "edges": len(numbers),
        "verdict": found.verdict(numbers),
        "noted": sum(len(found.unmet.get(number, ())) for number in numbers),
    }


def _opened(found: Compared, number: int) -> dict[str, Any]:
    """Return one edge in full: where it is declared, and each thing that is wrong."""
    edge = found.edges[number]
    unmet = found.unmet.get(number, [])
    findings = unmet_data(Verification(unmet, 1))["mismatches"]
    return {
        "kind": edge.kind,
        "declared": edge.declared,
        "name": edge.declared.partition(":")[2] or edge.declared,
        "place": found.places.get(number, ""),
        "needs": edge.needs,
        "sources": edge.sources,
        "verdict": found.verdict([number]),
        "findings": [
            (
                one
                | {"shown": json.dumps(one["witness"], indent=2, ensure_ascii=False)}
                if "witness" in one
                else one | {"shown": ""}
            )
            for one in findings
        ],
    }
