"""Which properties and items a schema has looked at: `unevaluated...`, and closing.

Whether a property was looked at depends on which branches hold. That is written as
conditions: a property that only some branches declare is fine if one of them holds, or
if its value is as `unevaluatedProperties` wants it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

from fleetwright_contracts._values import Kind
from fleetwright_contracts.errors import Exhausted
from fleetwright_contracts.schemas._insides import item_keywords
from fleetwright_contracts.schemas._keywords import pattern_shape, table_at
from fleetwright_contracts.schemas._places import Place
from fleetwright_contracts.schemas._view import View
from fleetwright_contracts.shapes import Shape, holds, opposite
from fleetwright_contracts.shapes._model import Among

if TYPE_CHECKING:
    from fleetwright_contracts.schemas._reading import Reader

Scope: TypeAlias = tuple[tuple[str, str], ...]

_MOST_DEPTH = 60
_MOST_PATTERNS = 5


@dataclass(frozen=True, slots=True)
class Names:
    """Properties that are looked at if a condition holds."""

    condition: Shape
    names: Shape


@dataclass(frozen=True, slots=True)
class Items:
    """Items that are looked at if a condition holds.

    Attributes:
        condition: The condition.
        first: How many of the first items; None for all.
        like: Items of this shape, wherever they are; None for no further ones.
    """

    condition: Shape
    first: int | None
    like: Shape | None = None


class Evaluated:
    """Tells what schemas look at."""

    def __init__(self, reader: "Reader") -> None:
        """Tell it of the schemas that a reader reads."""
        self.reader = reader
        self.shapes = reader.shapes

    # -- the keywords

    def conditions(self, place: Place, view: View, scope: Scope) -> Iterator[Shape]:
        """Yield what `unevaluatedProperties` and `unevaluatedItems` say.

        Args:
            place: The schema.
            view: From which side it is read.
            scope: The dynamic anchors around it.
        """
        schema = place.schema
        if place.dialect.year < 2019:
            return
        if "unevaluatedProperties" in schema:
            inner = self._inner(place, "unevaluatedProperties", view, scope)
            if not (view.tolerant and inner is self.shapes.nothing):
                found = list(self._names(place, scope, own=True))
                yield self._others_are(found, inner)
        if "unevaluatedItems" in schema:
            inner = self._inner(place, "unevaluatedItems", view, scope)
            yield self._items_are(list(self._items(place, scope, own=True)), inner)

    def closing(self, place: Place, view: View, scope: Scope) -> Iterator[Shape]:
        """Yield that an object has the declared properties only.

        Args:
            place: The schema.
            view: From which side it is read.
            scope: The dynamic anchors around it.
        """
        found = list(self._names(place, scope))
        if not found:
            return
        if view.undeclared:
            allowed = self.shapes.among([view.undeclared])
            found.append(Names(self.shapes.anything, allowed))
        yield self._others_are(found, self.shapes.nothing)

    def _inner(self, place: Place, keyword: str, view: View, scope: Scope) -> Shape:
        """Return the shape of a schema inside."""
        return self.reader.below(place, view, scope, keyword)

    # -- properties

    def _names(
        self, place: Place, scope: Scope, *, own: bool = False, depth: int = 0
    ) -> Iterator[Names]:
        """Yield the properties it looks at; `own` leaves `unevaluated...` out."""
        shapes, schema = self.shapes, place.schema
        if not isinstance(schema, dict):
            return
        always = shapes.anything
        for name in table_at(place, "properties"):
            yield Names(always, shapes.among([name]))
        for pattern in table_at(place, "patternProperties"):
            yield Names(always, pattern_shape(shapes, pattern))
        if "additionalProperties" in schema:
            yield Names(always, shapes.anything)
        if "unevaluatedProperties" in schema and not own:
            yield Names(always, shapes.anything)
        for condition, inner in self._applied(place, scope, depth):
            found = list(self._names(inner, scope, depth=depth + 1))
            if not found and condition is not always:
                # An alternative that declares nothing is a free one.
                kinds = shapes.kinds(condition)
                if own or not kinds:
                    continue
                found = [Names(always, shapes.anything)]
            for one in found:
                both = shapes.every([condition, one.condition])
                yield Names(both, one.names)

    def _others_are(self, found: list[Names], inner: Shape) -> Shape:
        """Return that properties which were not looked at have a shape."""
        shapes = self.shapes
        always = [one.names for one in found if one.condition is shapes.anything]
        if shapes.anything in always:
            return shapes.anything
        sometimes = [one for one in found if one.condition is not shapes.anything]
        listed: dict[str, None] = {}
        for one in found:
            if isinstance(one.names, Among):
                listed.update(dict.fromkeys(one.names.values))
        sure = {name for it in always if isinstance(it, Among) for name in it.values}
        patterns = [names for names in always if not isinstance(names, Among)]
        parts = []
        for name in listed:
            if name in sure:
                continue
            if not any(holds(shapes, names, name) for names in patterns):
                looks = [
                    one.condition for one in sometimes if holds(shapes, one.names, name)
                ]
                limit = shapes.properties(shapes.among([name]), inner)
                parts.append(shapes.either([*looks, limit]))
        unlisted = shapes.not_among(listed)
        described = [one for one in sometimes if not isinstance(one.names, Among)]
        rest = shapes.every([unlisted, *(opposite(shapes, it) for it in patterns)])
        return shapes.every([*parts, *self._described(described, rest, inner)])

    def _described(
        self, described: list[Names], rest: Shape, inner: Shape
    ) -> Iterator[Shape]:
        """Yield the same for names that are described, not listed."""
        shapes = self.shapes
        patterns = list(dict.fromkeys(one.names for one in described))
        if len(patterns) > _MOST_PATTERNS:
            raise Exhausted("too many patterns of property names depend on branches")
        for inside in product((False, True), repeat=len(patterns)):
            chosen = {
                names for names, within in zip(patterns, inside, strict=True) if within
            }
            region = shapes.every(
                [
                    rest,
                    *(
                        names if names in chosen else opposite(shapes, names)
                        for names in patterns
                    ),
                ]
            )
            looks = [one.condition for one in described if one.names in chosen]
            yield shapes.either([*looks, shapes.properties(region, inner)])

    # -- items

    def _items(
        self, place: Place, scope: Scope, *, own: bool = False, depth: int = 0
    ) -> Iterator[Items]:
        """Yield what items a schema looks at."""
        shapes, schema = self.shapes, place.schema
        if not isinstance(schema, dict):
            return
        prefix, rest = item_keywords(place)
        always = shapes.anything
        if prefix:
            yield Items(always, len(schema[prefix]))
        if rest in schema and (rest == "items" or prefix):
            yield Items(always, None)
        if "unevaluatedItems" in schema and not own:
            yield Items(always, None)
        if "contains" in schema and place.dialect.year >= 2020:
            view = View()
            yield Items(always, 0, self._inner(place, "contains", view, scope))
        for condition, inner in self._applied(place, scope, depth):
            for one in self._items(inner, scope, depth=depth + 1):
                both = shapes.every([condition, one.condition])
                yield Items(both, one.first, one.like)

    def _items_are(self, found: list[Items], inner: Shape) -> Shape:
        """Return that items which were not looked at have a shape."""
        shapes = self.shapes
        likes = [one for one in found if one.like is not None]
        if len(likes) > _MOST_PATTERNS:
            raise Exhausted("too many `contains` depend on branches")
        parts = []
        for inside in product((False, True), repeat=len(likes)):
            ways = list(zip(likes, inside, strict=True))
            looked = shapes.either(
                [inner, *(one.like for one, true in ways if true and one.like)]
            )
            unless = [
                opposite(shapes, one.condition) if true else one.condition
                for one, true in ways
            ]
            parts.append(shapes.either([*unless, self._placed(found, looked)]))
        return shapes.every(parts)

    def _placed(self, found: list[Items], inner: Shape) -> Shape:
        """Return that the items beyond the first ones that were looked at have a shape.

        What one more branch looks at only helps: the parts are one for each place.
        """
        shapes = self.shapes
        whole = [one.condition for one in found if one.first is None]
        longest = max((one.first or 0 for one in found), default=0)
        parts = []
        for number in range(longest):
            looks = [one.condition for one in found if (one.first or 0) > number]
            limit = shapes.item_at(number, inner)
            parts.append(shapes.either([*whole, *looks, limit]))
        rest = shapes.items_from(longest, inner)
        return shapes.every([*parts, shapes.either([*whole, rest])])

    # -- what is applied to the same value

    def _applied(
        self, place: Place, scope: Scope, depth: int
    ) -> Iterator[tuple[Shape, Place]]:
        """Yield the schemas applied to the same value, each with when it counts."""
        if depth > _MOST_DEPTH:
            raise Exhausted("schemas refer to one another without end", where=place.key)
        places, always = self.reader.places, self.shapes.anything
        scope = self.reader.scope_at(place, scope)
        for target in self.reader.references(place, scope):
            yield always, target
        schema = place.schema
        if "$ref" in schema and place.dialect.ref_stands_alone:
            return
        for keyword in ("allOf", "anyOf", "oneOf"):
            for number in range(len(schema.get(keyword, ()))):
                inner = places.place(place, keyword, str(number))
                yield (
                    always if keyword == "allOf" else self._holds(inner, scope),
                    inner,
                )
        if "if" in schema:
            yield from self._chosen(place, scope)
        for name, part in table_at(place, "dependentSchemas").items():
            if isinstance(part, dict):
                # Of other kinds a property is neither there nor missing.
                there = [self.shapes.of_kind(Kind.OBJECT), self.shapes.having(name)]
                yield (
                    self.shapes.every(there),
                    places.place(place, "dependentSchemas", name),
                )

    def _chosen(self, place: Place, scope: Scope) -> Iterator[tuple[Shape, Place]]:
        """Yield what `if` chooses between, and `if` itself."""
        test = self.reader.places.place(place, "if")
        condition = self._holds(test, scope)
        yield condition, test
        for keyword, when in (
            ("then", condition),
            ("else", opposite(self.shapes, condition)),
        ):
            if keyword in place.schema:
                yield when, self.reader.places.place(place, keyword)

    def _holds(self, place: Place, scope: Scope) -> Shape:
        """Return the condition that a schema holds, as it is written."""
        return self.reader.shape(place, View(), scope)
