"""What a schema says about the values inside objects and lists."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from fleetwright_contracts.schemas._keywords import (
    count_at,
    depending,
    names_at,
    names_of,
    pattern_shape,
    table_at,
    wrong,
)
from fleetwright_contracts.schemas._places import Place
from fleetwright_contracts.schemas._view import View
from fleetwright_contracts.shapes import Shape, opposite

if TYPE_CHECKING:
    from fleetwright_contracts.schemas._reading import Reader

Scope: TypeAlias = tuple[tuple[str, str], ...]


class Insides:
    """Reads the keywords of objects and lists."""

    def __init__(self, reader: "Reader") -> None:
        """Read the schemas inside with a reader."""
        self.reader = reader
        self.shapes = reader.shapes

    def conditions(self, place: Place, view: View, scope: Scope) -> Iterator[Shape]:
        """Yield what a schema says about the values inside.

        Args:
            place: The schema.
            view: From which side it is read.
            scope: The dynamic anchors around it.
        """
        yield from self._object(place, view, scope)
        yield from self._list(place, view, scope)

    def _object(self, place: Place, view: View, scope: Scope) -> Iterator[Shape]:
        """Yield what is said about properties."""
        shapes, schema = self.shapes, place.schema
        hidden = self._hidden(place, view)
        for name in self._required(place):
            if name not in hidden:
                yield shapes.having(name)
        for name in table_at(place, "properties"):
            names = shapes.among([name])
            if name in hidden:
                if not view.tolerant:  # who reads answers ignores it, too
                    yield shapes.properties(names, shapes.nothing)
                continue
            inner = self.reader.below(place, view, scope, "properties", name)
            yield shapes.properties(names, inner)
        for pattern in table_at(place, "patternProperties"):
            inner = self.reader.below(place, view, scope, "patternProperties", pattern)
            yield shapes.properties(pattern_shape(shapes, pattern), inner)
        others = schema.get("additionalProperties")
        if others is not None and not (view.tolerant and others is False):
            inner = self.reader.below(place, view, scope, "additionalProperties")
            yield shapes.properties(self.undeclared_names(place), inner)
        if "propertyNames" in schema and place.dialect.year >= 6:
            names = self.reader.below(place, view.as_condition, scope, "propertyNames")
            yield shapes.properties(opposite(shapes, names), shapes.nothing)
        yield from self._depending(place, view, scope)

    def _required(self, place: Place) -> list[str]:
        """Return the names of properties that must be there."""
        if isinstance(place.schema.get("required"), bool) and place.dialect.year == 4:
            return []  # draft 3, and a common slip; says nothing in draft 4
        return names_at(place, "required")

    def _hidden(self, place: Place, view: View) -> set[str]:
        """Return the properties that are not there in this direction."""
        if not view.hidden:
            return set()
        found = set()
        for name in table_at(place, "properties"):
            inner = self.reader.places.place(place, "properties", name)
            if self.reader.places.says(inner, view.hidden):
                found.add(name)
        return found

    def undeclared_names(self, place: Place) -> Shape:
        """Return the shape of names that a schema neither lists nor describes.

        Args:
            place: The schema.
        """
        shapes = self.shapes
        listed = shapes.not_among(table_at(place, "properties"))
        patterns = [
            opposite(shapes, pattern_shape(shapes, pattern))
            for pattern in table_at(place, "patternProperties")
        ]
        return shapes.every([listed, *patterns])

    def _depending(self, place: Place, view: View, scope: Scope) -> Iterator[Shape]:
        """Yield what depends on a property being there."""
        for keyword in ("dependentSchemas", "dependencies"):
            for name, inner in table_at(place, keyword).items():
                if isinstance(inner, list):
                    needed = names_of(place, keyword, inner)
                    then = self.shapes.every(map(self.shapes.having, needed))
                else:
                    at = self.reader.places.place(place, keyword, name)
                    then = self.reader.shape(at, view.inner, scope)
                depends = depending(self.shapes, name, then)
                if keyword == "dependencies" and place.dialect.year >= 2019:
                    depends = self._may_be_ignored(place, keyword, depends)
                yield depends

    def _may_be_ignored(self, place: Place, keyword: str, shape: Shape) -> Shape:
        """Return a condition of an older draft, which validators may leave out."""
        reason = f"`{keyword}` means something in older drafts only"
        ignored = self.shapes.opaque(reason, f"{place.dialect.name} {keyword}")
        return self.shapes.either([ignored, shape])

    def _list(self, place: Place, view: View, scope: Scope) -> Iterator[Shape]:
        """Yield what is said about items."""
        shapes, schema = self.shapes, place.schema
        prefix, rest = item_keywords(place)
        if prefix:
            if not isinstance(schema[prefix], list):
                raise wrong(place, prefix, "a list of schemas")
            for number in range(len(schema[prefix])):
                inner = self.reader.below(place, view, scope, prefix, str(number))
                yield shapes.item_at(number, inner)
        if rest in schema:
            start = len(schema[prefix]) if prefix else 0
            yield shapes.items_from(start, self.reader.below(place, view, scope, rest))
        if "contains" in schema and place.dialect.year >= 6:
            inner = self.reader.below(place, view.as_condition, scope, "contains")
            least, most = contained(place)
            yield shapes.holding(inner, least, most)


def item_keywords(place: Place) -> tuple[str, str]:
    """Return the keywords of the first items, or "", and of the items after them.

    Args:
        place: The schema.
    """
    if place.dialect.year >= 2020:
        return ("prefixItems" if "prefixItems" in place.schema else "", "items")
    if isinstance(place.schema.get("items"), list):
        return ("items", "additionalItems")
    return ("", "items")


def contained(place: Place) -> tuple[int, int | None]:
    """Return how many items must be as `contains` says.

    Args:
        place: The schema.
    """
    if place.dialect.year < 2019:
        return 1, None
    least = count_at(place, "minContains")
    return (1 if least is None else least), count_at(place, "maxContains")
