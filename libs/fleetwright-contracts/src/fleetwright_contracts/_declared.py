"""Optional properties of responses that are gone.

No value shows it: what is optional may always be missing. But somebody may read it, and
as long as nobody says who reads what, that counts as broken.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fleetwright_contracts._outline import Outline
from fleetwright_contracts._talk import Talk
from fleetwright_contracts.schemas import Place

_MOST_DEPTH = 40


@dataclass(frozen=True, slots=True)
class _Pair:
    """Schemas of what is answered and of what is expected.

    Attributes:
        path: The way to them.
        given: What is answered.
        expected: What is expected.
        beside: Properties that are answered, whatever `given` says.
    """

    path: str
    given: list[Place]
    expected: list[Place]
    beside: frozenset[str] = frozenset()


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
    waiting = [_Pair("", [sent], [read])]
    while waiting:
        pair = waiting.pop()
        path, given, expected = pair.path, pair.given, pair.expected
        keys = _key(talk.answers, given), _key(talk.asks, expected)
        known = (f"{keys[0]} {sorted(pair.beside)}", keys[1])
        too_deep = path.count(".") > _MOST_DEPTH
        if keys[0] == keys[1] or known in talk.seen or too_deep:
            continue
        talk.seen.add(known)
        whole = _parts(talk.answers, given)
        if not whole or any(_is_open(one) for one in whole):
            continue
        alternatives = _paired(talk, given, expected)
        waiting += [_Pair(path, *both, _names(talk, given)) for both in alternatives]
        expected = _parts(talk.asks, expected, opened=not alternatives)
        now, before = _properties(talk.answers, whole), _properties(talk.asks, expected)
        always = pair.beside | _required(expected)
        for name, places in before.items():
            way = f"{path}.{name}" if path else name
            if name in now:
                waiting.append(_Pair(way, now[name], places))
            elif now and name not in always:
                yield way, places[0]
        items = _inside(talk.answers, whole, "items"), _inside(
            talk.asks, expected, "items"
        )
        if items[0] and items[1]:
            waiting.append(_Pair(f"{path}[]", *items))


def _names(talk: Talk[Any], given: list[Place]) -> frozenset[str]:
    """Return the properties that are declared whatever alternative is chosen."""
    parts = _parts(talk.answers, given, opened=False)
    return frozenset(_properties(talk.answers, parts))


def _key(description: Outline, places: list[Place]) -> str:
    """Return what schemas share exactly if they say the same."""
    return "|".join(sorted(map(description.document.reader.digest, places)))


def _parts(
    description: Outline, places: list[Place], *, opened: bool = True
) -> list[Place]:
    """Return the schemas that together say what a value is, alternatives if opened."""
    found: dict[str, Place] = {}
    waiting = list(places)
    while waiting:
        place = description.target(waiting.pop())
        if place.key in found or not isinstance(place.schema, dict):
            continue
        found[place.key] = place
        waiting += _branches(description, place, "allOf")
        if opened:
            waiting += _alternatives(description, place)
    return list(found.values())


def _branches(description: Outline, place: Place, keyword: str) -> list[Place]:
    """Return the parts of a composition."""
    listed = place.schema.get(keyword)
    count = len(listed) if isinstance(listed, list) else 0
    return [
        description.places.place(place, keyword, str(number)) for number in range(count)
    ]


def _alternatives(description: Outline, place: Place) -> list[Place]:
    """Return what a schema chooses from."""
    return [
        one
        for keyword in ("anyOf", "oneOf")
        for one in _branches(description, place, keyword)
    ]


def _paired(
    talk: Talk[Any], given: list[Place], expected: list[Place]
) -> list[tuple[list[Place], list[Place]]]:
    """Return the alternatives of both sides that go together; none where all do.

    An alternative that is never answered any more takes its properties with it, and
    nobody misses them.
    """
    before, missing = _told_apart(talk.asks, expected)
    now, others = _told_apart(talk.answers, given)
    if not now and not others:
        now = {place.key: place for place in map(talk.answers.target, given)}
    known = before.keys() & now.keys()
    if not known:
        return []
    others += [place for key, place in now.items() if key not in known]
    missing += [place for key, place in before.items() if key not in known]
    pairs = [([now[key]], [before[key]]) for key in sorted(known)]
    return [*pairs, (others, missing)] if others and missing else pairs


def _told_apart(
    description: Outline, places: list[Place]
) -> tuple[dict[str, Place], list[Place]]:
    """Return what schemas choose from: what has a name, by that, and what has none.

    What is written out has only a place in a list, where another may be tomorrow.
    """
    named: dict[str, Place] = {}
    plain: list[Place] = []
    for place in _parts(description, places, opened=False):
        for one in _alternatives(description, place):
            target = description.target(one)
            if target is one:
                plain.append(one)
            else:
                named[target.key] = target
    return named, plain


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
