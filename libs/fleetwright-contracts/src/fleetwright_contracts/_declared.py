"""Optional properties of responses that are gone.

No value shows it: what is optional may always be missing. But somebody may read it, and
as long as nobody says who reads what, that counts as broken.
"""

from collections.abc import Iterator
from typing import Any

from fleetwright_contracts._outline import Outline
from fleetwright_contracts._talk import Talk
from fleetwright_contracts.schemas import Place

_MOST_DEPTH = 40


def lost_properties(
    talk: Talk[Any], sent: Place, read: Place
) -> Iterator[tuple[str, Place]]:
    """Yield what was declared as optional and is declared no longer.

    Args:
        talk: The conversation.
        sent: The schema by which an answer is made.
        read: The schema by which it is read.

    Yields:
        The way to the property, such as `items[].price`, and where it was declared.
    """
    waiting: list[tuple[str, list[Place], list[Place]]] = [("", [sent], [read])]
    while waiting:
        path, given, expected = waiting.pop()
        key = (_key(talk.answers, given), _key(talk.asks, expected))
        if key[0] == key[1] or key in talk.seen or path.count(".") > _MOST_DEPTH:
            continue
        talk.seen.add(key)
        given = _parts(talk.answers, given)
        expected = _parts(talk.asks, expected)
        if not given or any(_is_open(one) for one in given):
            continue
        now, before = _properties(talk.answers, given), _properties(talk.asks, expected)
        always = _required(expected)
        for name, places in before.items():
            way = f"{path}.{name}" if path else name
            if name in now:
                waiting.append((way, now[name], places))
            elif now and name not in always:
                yield way, places[0]
        items = _inside(talk.answers, given, "items"), _inside(
            talk.asks, expected, "items"
        )
        if items[0] and items[1]:
            waiting.append((f"{path}[]", *items))


def _key(description: Outline, places: list[Place]) -> str:
    """Return what schemas share exactly if they say the same."""
    return "|".join(sorted(map(description.document.reader.digest, places)))


def _parts(description: Outline, places: list[Place]) -> list[Place]:
    """Return the schemas that together say what a value is, compositions opened."""
    found: dict[str, Place] = {}
    waiting = list(places)
    while waiting:
        place = description.target(waiting.pop())
        if place.key in found or not isinstance(place.schema, dict):
            continue
        found[place.key] = place
        for keyword in ("allOf", "anyOf", "oneOf"):
            branches = place.schema.get(keyword)
            for number in range(len(branches) if isinstance(branches, list) else 0):
                waiting.append(description.places.place(place, keyword, str(number)))
    return list(found.values())


def _is_open(place: Place) -> bool:
    """Return whether a schema allows properties that it does not name."""
    others = place.schema.get("additionalProperties", False)
    return bool(others is True or others)


def _properties(description: Outline, places: list[Place]) -> dict[str, list[Place]]:
    """Return the declared properties, each with its schemas."""
    found: dict[str, list[Place]] = {}
    for place in places:
        declared = place.schema.get("properties")
        for name in declared if isinstance(declared, dict) else ():
            inner = description.places.place(place, "properties", name)
            if inner.schema is not False and not _is_hidden(description, inner):
                found.setdefault(name, []).append(inner)
    return found


def _is_hidden(description: Outline, place: Place) -> bool:
    """Return whether a property is never answered."""
    return description.places.says(place, "writeOnly")


def _required(places: list[Place]) -> set[str]:
    """Return the names that must be there; their loss is shown by a value."""
    found: set[str] = set()
    for place in places:
        names = place.schema.get("required")
        found.update(names if isinstance(names, list) else ())
    return found


def _inside(description: Outline, places: list[Place], keyword: str) -> list[Place]:
    """Return the schemas of items."""
    return [
        description.places.place(place, keyword)
        for place in places
        if isinstance(place.schema.get(keyword), dict)
    ]
