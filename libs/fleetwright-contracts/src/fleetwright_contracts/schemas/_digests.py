"""A digest of a schema and of all it refers to, whether or not in circles.

Two documents that say the same about a place so give it the same name, and what did not
change is seen to be the same without a look inside.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from fleetwright_contracts.schemas._dialects import parts_of
from fleetwright_contracts.schemas._places import Place, Places

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


@dataclass(slots=True)
class _Node:
    """A schema on the way; numbers as in Tarjan's algorithm."""

    place: Place
    number: int
    lowest: int
    waiting: list[Place]


class Digests:
    """Digests of the schemas of one document."""

    def __init__(self, places: Places) -> None:
        """Know none yet.

        Args:
            places: Where schemas are.
        """
        self._places = places
        self._known: dict[str, str] = {}
        self._targets: dict[str, list[Place]] = {}

    def of(self, place: Place) -> str:
        """Return the digest of a schema.

        Args:
            place: The schema.

        Raises:
            Unresolvable: A reference leads nowhere, or elsewhere.
        """
        if place.key not in self._known:
            self._walk(place)
        return self._known[place.key]

    def _walk(self, root: Place) -> None:
        """Work out all digests that one needs: those in a circle together."""
        nodes = {root.key: self._node(root, 0)}
        path, stack = [nodes[root.key]], [nodes[root.key]]
        while path:
            node = path[-1]
            if node.waiting:
                target = node.waiting.pop()
                known = nodes.get(target.key)
                if target.key in self._known:
                    continue
                if known is not None:
                    node.lowest = min(node.lowest, known.number)
                    continue
                nodes[target.key] = self._node(target, len(nodes))
                path.append(nodes[target.key])
                stack.append(nodes[target.key])
                continue
            path.pop()
            if path:
                path[-1].lowest = min(path[-1].lowest, node.lowest)
            if node.lowest == node.number:
                place = stack.index(node)
                self._settle(stack[place:])
                del stack[place:]

    def _node(self, place: Place, number: int) -> _Node:
        """Return a schema at the beginning of its way."""
        if place.key not in self._targets:
            self._targets[place.key] = list(self._references(place))
        return _Node(place, number, number, list(self._targets[place.key]))

    def _settle(self, circle: list[_Node]) -> None:
        """Give digests to schemas that lead to one another."""
        keys = {node.place.key for node in circle}
        said = []
        for node in sorted(circle, key=lambda one: one.place.key):
            text = json.dumps(node.place.schema, sort_keys=True, default=str)
            leads = [
                self._known.get(target.key, target.key)
                for target in self._targets[node.place.key]
            ]
            said.append([node.place.key, node.place.dialect.name, text, leads])
        whole = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24]
        for key in keys:
            self._known[key] = f"{whole} {key}"

    def _references(self, place: Place) -> Iterator[Place]:
        """Yield where the references in a schema lead."""
        waiting = [place]
        while waiting:
            one = waiting.pop()
            if not isinstance(one.schema, dict):
                continue
            for keyword in REFERENCES:
                reference = one.schema.get(keyword)
                if isinstance(reference, str):
                    yield self._places.resolve(one, reference)
            waiting += [self._places.place(one, *at) for at, _ in parts_of(one.schema)]


def refers(schema: object) -> bool:
    """Return whether a schema refers to others for the same value.

    Args:
        schema: The schema.
    """
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict):
            continue
        if not one.keys().isdisjoint(REFERENCES):
            return True
        for keyword in ("allOf", "anyOf", "oneOf"):
            branches = one.get(keyword)
            waiting += branches if isinstance(branches, list) else []
        waiting += [one.get(keyword) for keyword in ("not", "if", "then", "else")]
        dependent = one.get("dependentSchemas") or one.get("dependencies")
        waiting += dependent.values() if isinstance(dependent, dict) else []
    return False
