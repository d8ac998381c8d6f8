"""Nodes and edges as values; chains and cycles in them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["library", "call", "event", "test"]


@dataclass(frozen=True, slots=True)
class Node:
    """A service, a library, or what a service calls outside of the fleet.

    Attributes:
        name: What it is called.
        kind: What it is.
        folder: Where it is; empty for what is not in the repository.
    """

    name: str
    kind: Literal["service", "library", "external"]
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """That one needs another.

    Attributes:
        source: Who needs.
        target: Who is needed: imported, called, or heard.
        kind: By what; `test` is a library that only tests import.
        is_declared: Whether it is written down: in requirements, in `[callers]` of
            fleet.toml, in `contracts/needs.json` or in `contracts/asyncapi.json`.
        is_seen: Whether the code does it.
        topics: What is heard; empty for other kinds.
        where: The first place that does it, or says it.
    """

    source: str
    target: str
    kind: Kind
    is_declared: bool = True
    is_seen: bool = True
    topics: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class Graph:
    """Who needs whom.

    Attributes:
        nodes: Services, then libraries, then what is outside; each by name.
        edges: By kind, source and target.
        unheard: Topics that are published and that nobody in the fleet hears.
        unpublished: Topics that are heard and that nobody in the fleet publishes.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    unheard: tuple[str, ...] = ()
    unpublished: tuple[str, ...] = ()

    @property
    def undeclared(self) -> list[Edge]:
        """What the code does and nobody wrote down."""
        return [one for one in self.edges if one.is_seen and not one.is_declared]

    @property
    def unused(self) -> list[Edge]:
        """What is written down and the code does not do."""
        return [one for one in self.edges if one.is_declared and not one.is_seen]

    def of(self, *kinds: Kind) -> list[Edge]:
        """Return the edges of some kinds.

        Args:
            *kinds: Which.
        """
        return [one for one in self.edges if one.kind in kinds]

    def cycles(self, *kinds: Kind) -> list[tuple[str, ...]]:
        """Return the groups that need one another in a circle.

        Args:
            *kinds: Of which edges.

        Returns:
            Each group by name; empty when all edges run one way.
        """
        return circles(_needs(self._seen(*kinds)))

    def chain(self, *kinds: Kind) -> tuple[str, ...]:
        """Return the longest chain of needs; each circle counts as one step.

        Args:
            *kinds: Of which edges.
        """
        needs = _needs(self._seen(*kinds))
        group = {name: one for one in circles(needs) for name in one}
        longest: dict[str, tuple[str, ...]] = {}

        def walk(name: str) -> tuple[str, ...]:
            if name not in longest:
                inside = group.get(name, (name,))
                ahead = {
                    other
                    for one in inside
                    for other in needs.get(one, ())
                    if other not in inside
                }
                tails = [walk(other) for other in sorted(ahead)]
                longest[name] = (name, *max(tails, key=len, default=()))
            return longest[name]

        return max((walk(name) for name in sorted(needs)), key=len, default=())

    def needed_by(self, names: Iterable[str], *kinds: Kind) -> set[str]:
        """Return who needs some of them, directly and through others.

        Args:
            names: What is needed; left out of the answer unless it needs itself.
            *kinds: By which edges.
        """
        found: set[str] = set()
        ahead = list(names)
        while ahead:
            for one in self._users.get(ahead.pop(), ()):
                if one.kind in kinds and one.source not in found:
                    found.add(one.source)
                    ahead.append(one.source)
        return found

    def _seen(self, *kinds: Kind) -> list[Edge]:
        """Return the edges that the code makes true: what is unused binds nobody."""
        return [one for one in self.of(*kinds) if one.is_seen]

    @cached_property
    def _users(self) -> Mapping[str, list[Edge]]:
        """The edges that lead to each node."""
        found: dict[str, list[Edge]] = {}
        for one in self.edges:
            found.setdefault(one.target, []).append(one)
        return found


def circles(needs: Mapping[str, Collection[str]]) -> list[tuple[str, ...]]:
    """Return the strongly connected groups of more than one, and who needs itself.

    Args:
        needs: What each needs.
    """
    reach = {name: _reach(name, needs) for name in needs}
    found = {
        tuple(sorted(other for other in near if name in reach.get(other, ())))
        for name, near in reach.items()
        if name in near
    }
    return sorted(found)


def _needs(edges: Iterable[Edge]) -> dict[str, set[str]]:
    """Return what each needs by some edges."""
    found: dict[str, set[str]] = {}
    for one in edges:
        found.setdefault(one.source, set()).add(one.target)
    return found


def _reach(name: str, needs: Mapping[str, Collection[str]]) -> set[str]:
    """Return all that one needs, through others, too."""
    found: set[str] = set()
    ahead = list(needs.get(name, ()))
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead += needs.get(one, ())
    return found
