"""JSON Schema to shapes."""

from collections.abc import Iterator
from typing import TypeAlias

from fleetwright_contracts.errors import Unreadable, Unresolvable
from fleetwright_contracts.schemas._dialects import Dialect
from fleetwright_contracts.schemas._digests import Digests, refers
from fleetwright_contracts.schemas._evaluated import Evaluated
from fleetwright_contracts.schemas._insides import Insides
from fleetwright_contracts.schemas._keywords import simple_conditions, wrong
from fleetwright_contracts.schemas._places import Place, Places
from fleetwright_contracts.schemas._view import View
from fleetwright_contracts.shapes import Shape, Shapes, exactly_one, opposite

# The dynamic anchors that were met on the way, with where the outermost of them is.
Scope: TypeAlias = tuple[tuple[str, str], ...]
_Key: TypeAlias = tuple[str, Scope, View]

_MOST_DEPTH = 120
_DECLARING = frozenset(
    [
        "additionalProperties",
        "allOf",
        "anyOf",
        "dependentSchemas",
        "else",
        "if",
        "oneOf",
        "patternProperties",
        "properties",
        "then",
        "unevaluatedProperties",
    ]
)


class Reader:
    """Reads the schemas of one document.

    Attributes:
        shapes: Who makes the shapes.
        places: Where schemas are.
    """

    def __init__(self, shapes: Shapes, places: Places) -> None:
        """Begin without having read anything.

        Args:
            shapes: Who makes the shapes.
            places: Where schemas are.
        """
        self.shapes = shapes
        self.places = places
        self._read: dict[_Key, Shape] = {}
        self._reading: set[_Key] = set()
        self._dynamic: dict[tuple[str, str], Place] = {}
        self._digests = Digests(places)
        self._insides = Insides(self)
        self._evaluated = Evaluated(self)

    def shape(self, place: Place, view: View, scope: Scope = ()) -> Shape:
        """Return the shape of a schema.

        Args:
            place: The schema.
            view: From which side it is read.
            scope: The dynamic anchors around it.

        Raises:
            Unreadable: A keyword has a value it cannot have.
            Unresolvable: A reference leads nowhere, in a circle or elsewhere.
        """
        scope = self.scope_at(place, scope)
        key = (place.key, scope, view)
        known = self._read.get(key)
        if known is not None:
            return known
        if key in self._reading:
            raise Unresolvable("`$ref` leads in a circle", where=place.key)
        if len(self._reading) > _MOST_DEPTH:
            raise Unreadable("schemas are nested too deeply", where=place.key)
        self._reading.add(key)
        try:
            found = self._whole(place, view, scope)
        finally:
            self._reading.discard(key)
        self._read[key] = found
        return found

    def below(self, around: Place, view: View, scope: Scope, *tokens: str) -> Shape:
        """Return the shape of a schema for values inside the one that is read.

        What refers to other schemas is only named, and read when it is needed: such
        ways go on and on, in circles, too.

        Args:
            around: The schema that is read.
            view: From which side.
            scope: The dynamic anchors around it.
            tokens: Where in the outer schema the inner one is.
        """
        place = self.places.place(around, *tokens)
        if not refers(place.schema):
            return self.shape(place, view, scope)
        outer = [self._digests.of(self._dynamic[one]) for one in scope]
        about = (scope, outer, view.hidden, view.undeclared)
        stem = f"{self._digests.of(place)} {about}"
        self.shapes.define(stem, view.width, lambda: self.shape(place, view, scope))
        return self.shapes.named(stem, view.width)

    def digest(self, place: Place) -> str:
        """Return what two schemas share exactly if they say the same, all in all.

        Args:
            place: The schema.
        """
        return self._digests.of(place)

    def scope_at(self, place: Place, scope: Scope) -> Scope:
        """Return the scope with the dynamic anchors of the schema's resource.

        Args:
            place: The schema.
            scope: The scope around it.
        """
        anchors = self.places.dynamic.get(place.resource)
        if not anchors:
            return scope
        known = dict(scope)
        for name, target in anchors.items():
            if name not in known:
                known[name] = target.key
                self._dynamic[name, target.key] = target
        return tuple(sorted(known.items()))

    # -- one schema

    def _whole(self, place: Place, view: View, scope: Scope) -> Shape:
        """Return the shape of a schema that was not read before."""
        if place.schema is True:
            return self.shapes.anything
        if place.schema is False:
            return self.shapes.nothing
        if not isinstance(place.schema, dict):
            found = repr(place.schema)[:80]
            raise Unreadable(f"{found} is no schema", where=place.key)
        return self.shapes.every(self._conditions(place, view, scope))

    def _conditions(self, place: Place, view: View, scope: Scope) -> Iterator[Shape]:
        """Yield all that a schema says."""
        references = list(self.references(place, scope))
        alone = place.dialect.ref_stands_alone or not place.schema.keys() & _DECLARING
        for target in references:
            yield self.shape(target, view if alone else view.inner, scope)
        if references and place.dialect.ref_stands_alone:
            return
        branches = self._is_only_branches(place)
        composed = view if branches else view.inner
        yield from self._composed(place, composed, scope)
        yield from simple_conditions(self.shapes, place)
        yield from self._insides.conditions(place, view, scope)
        yield from self._evaluated.conditions(place, view, scope)
        if view.closed and not branches and not (references and alone):
            yield from self._evaluated.closing(place, view, scope)

    def _is_only_branches(self, place: Place) -> bool:
        """Return whether a schema does nothing but choose, or name another one.

        Then each branch is closed by itself; else the whole is, by what it declares.
        """
        declaring = place.schema.keys() & _DECLARING
        parts = place.schema.get("allOf")
        named = declaring == {"allOf"} and isinstance(parts, list) and len(parts) == 1
        chooses = named or declaring in ({"anyOf"}, {"oneOf"})
        return chooses and "$ref" not in place.schema

    def references(self, place: Place, scope: Scope) -> Iterator[Place]:
        """Yield the schemas that a schema refers to in place.

        Args:
            place: The schema.
            scope: The dynamic anchors around it.
        """
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            reference = place.schema.get(keyword)
            if reference is None or not self._knows(place.dialect, keyword):
                continue
            if not isinstance(reference, str):
                raise wrong(place, keyword, "a reference")
            target = self.places.resolve(place, reference)
            if keyword == "$dynamicRef":
                target = self._by_anchor(target, reference, scope)
            elif keyword == "$recursiveRef":
                target = self._recursive_target(target, scope)
            yield target

    def _knows(self, dialect: Dialect, keyword: str) -> bool:
        """Return whether a dialect has a kind of reference."""
        years = {"$ref": dialect.year, "$dynamicRef": 2020, "$recursiveRef": 2019}
        return years[keyword] == dialect.year

    def _by_anchor(self, target: Place, reference: str, scope: Scope) -> Place:
        """Return where a dynamic reference leads: to the outermost anchor of a name."""
        name = reference.rpartition("#")[2]
        schema = target.schema
        if isinstance(schema, dict) and schema.get("$dynamicAnchor") == name:
            outermost = dict(scope).get(name)
            if outermost is not None:
                return self._dynamic[name, outermost]
        return target

    def _recursive_target(self, target: Place, scope: Scope) -> Place:
        """Return where a recursive reference leads."""
        schema = target.schema
        if isinstance(schema, dict) and schema.get("$recursiveAnchor") is True:
            outermost = dict(scope).get("$recursive")
            if outermost is not None:
                return self._dynamic["$recursive", outermost]
        return target

    def _composed(self, place: Place, view: View, scope: Scope) -> Iterator[Shape]:
        """Yield what the compositions of schemas say."""
        shapes, dialect = self.shapes, place.dialect
        for keyword in ("allOf", "anyOf", "oneOf"):
            if keyword not in place.schema:
                continue
            parts = self._branches(place, keyword, view, scope)
            if keyword == "allOf":
                yield shapes.every(parts)
            elif keyword == "anyOf":
                yield shapes.either(parts)
            else:
                yield from self._one_of(place, view, scope)
        condition = view.as_condition
        if "not" in place.schema:
            part = self.shape(self.places.place(place, "not"), condition, scope)
            yield opposite(shapes, part)
        if "if" in place.schema and dialect.year >= 7:
            test = self.shape(self.places.place(place, "if"), condition, scope)
            then = self._if_there(place, "then", view, scope)
            otherwise = self._if_there(place, "else", view, scope)
            yield shapes.either([opposite(shapes, test), then])
            yield shapes.either([test, otherwise])

    def _branches(
        self, place: Place, keyword: str, view: View, scope: Scope
    ) -> list[Shape]:
        """Return the parts of a composition."""
        branches = place.schema[keyword]
        if not isinstance(branches, list):
            raise wrong(place, keyword, "a list of schemas")
        return [
            self.shape(self.places.place(place, keyword, str(number)), view, scope)
            for number in range(len(branches))
        ]

    def _one_of(self, place: Place, view: View, scope: Scope) -> Iterator[Shape]:
        """Yield what `oneOf` says; closing its branches must not make them disjoint."""
        parts = self._branches(place, "oneOf", view, scope)
        if view.tolerant:
            yield self.shapes.either(parts)
            return
        if view.closed:
            yield self.shapes.either(parts)
            parts = self._branches(place, "oneOf", view.inner, scope)
        yield exactly_one(self.shapes, parts)

    def _if_there(self, place: Place, keyword: str, view: View, scope: Scope) -> Shape:
        """Return the shape of a schema inside; anything where it is not there."""
        if keyword not in place.schema:
            return self.shapes.anything
        return self.shape(self.places.place(place, keyword), view, scope)
