"""Shapes: makes each shape once, simplified where that costs nothing."""

from collections.abc import Callable, Hashable, Iterable
from fractions import Fraction
from typing import TypeVar, cast

from fleetwright_contracts._values import (
    ANY_KIND,
    Kind,
    Value,
    fraction,
    identity,
    joined,
    shared,
)
from fleetwright_contracts.errors import Unresolvable
from fleetwright_contracts.shapes._kinds import kinds_of
from fleetwright_contracts.shapes._model import (
    Among,
    AtLeast,
    AtMost,
    Distinct,
    Either,
    Every,
    HasFormat,
    Holding,
    ItemAt,
    ItemCount,
    ItemsFrom,
    Length,
    Matches,
    MultipleOf,
    Named,
    NotAmong,
    OfKind,
    Opaque,
    Properties,
    PropertyCount,
    Shape,
    SomeProperty,
)

_Made = TypeVar("_Made", bound=Shape)


class Shapes:
    """Makes shapes, each only once, and knows the named ones.

    Shapes of two makers must not be mixed. Not safe to call from several threads.

    Attributes:
        anything: Holds for every value.
        nothing: Holds for none.
    """

    def __init__(self) -> None:
        """Begin without shapes."""
        self._made: dict[Hashable, Shape] = {}
        self._names: dict[str, Callable[[], Shape]] = {}
        self._defined: dict[str, Shape] = {}
        self.negations: dict[Shape, Shape] = {}
        self._kinds: dict[Shape, Kind] = {}
        # For which values inside others a shape holds; the value keeps its id its own.
        self.held: dict[tuple[Shape, int], tuple[Value, bool | None]] = {}
        self.held_by_name: dict[tuple[Shape, str], bool | None] = {}
        # The names that a shape of names spells out.
        self.written: dict[Shape, tuple[str, ...]] = {}
        self.anything: Shape = self._once(("every", ()), lambda: Every(()))
        self.nothing: Shape = self._once(("either", ()), lambda: Either(()))

    def _once(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """Return the shape with a key, made at the first time."""
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = make()
            object.__setattr__(found, "number", len(self._made))
        return cast("_Made", found)

    def every(self, parts: Iterable[Shape]) -> Shape:
        """Return the shape of values for which all parts hold.

        Args:
            parts: The parts.
        """
        flat: dict[Shape, None] = {}
        kinds = ANY_KIND
        for part in parts:
            if isinstance(part, OfKind):
                kinds = shared(kinds, part.kinds)
                continue
            for one in part.parts if isinstance(part, Every) else (part,):
                if isinstance(one, OfKind):
                    kinds = shared(kinds, one.kinds)
                else:
                    flat[one] = None
        if self.nothing in flat or not kinds:
            return self.nothing
        if kinds != ANY_KIND:
            flat = {self.of_kind(kinds): None, **flat}
        if len(flat) == 1:
            return next(iter(flat))
        if any(self.negations.get(part) in flat for part in flat):
            return self.nothing
        order = tuple(flat)
        return self._once(("every", order), lambda: Every(order))

    def either(self, parts: Iterable[Shape]) -> Shape:
        """Return the shape of values for which at least one part holds.

        Args:
            parts: The parts.
        """
        flat: dict[Shape, None] = {}
        kinds = Kind(0)
        for part in parts:
            for one in part.parts if isinstance(part, Either) else (part,):
                if isinstance(one, OfKind):
                    kinds = joined(kinds, one.kinds)
                else:
                    flat[one] = None
        if self.anything in flat or kinds == ANY_KIND:
            return self.anything
        if kinds:
            flat = {self.of_kind(kinds): None, **flat}
        if len(flat) == 1:
            return next(iter(flat))
        order = tuple(flat)
        return self._once(("either", order), lambda: Either(order))

    def of_kind(self, kinds: Kind) -> Shape:
        """Return the shape of values of some kinds.

        Args:
            kinds: The kinds.
        """
        if kinds == ANY_KIND:
            return self.anything
        if not kinds:
            return self.nothing
        return self._once(("kind", int(kinds)), lambda: OfKind(kinds))

    def among(self, values: Iterable[Value]) -> Shape:
        """Return the shape of the values of a list.

        Args:
            values: The list.
        """
        by_identity = {identity(value): value for value in values}
        if not by_identity:
            return self.nothing
        order = tuple(by_identity.values())
        keys = frozenset(by_identity)
        return self._once(("among", keys), lambda: Among(order, keys))

    def not_among(self, values: Iterable[Value]) -> Shape:
        """Return the shape of all values but some scalars.

        Args:
            values: Nulls, booleans, numbers and texts.
        """
        by_identity = {identity(value): value for value in values}
        if not by_identity:
            return self.anything
        order = tuple(by_identity.values())
        keys = frozenset(by_identity)
        return self._once(("not among", keys), lambda: NotAmong(order, keys))

    def named(self, stem: str, width: int = 0, *, negative: bool = False) -> Shape:
        """Return the shape with a name, or all that it is not.

        Args:
            stem: The name; what it means may be told later, or before.
            width: What has the same stem and is wider must hold for all of it.
            negative: Whether the opposite is meant.
        """
        name = f"{stem} {width}"
        key = ("named", name, negative)
        return self._once(key, lambda: Named(name, negative, stem, width))

    def define(self, stem: str, width: int, meaning: Callable[[], Shape]) -> None:
        """Tell what a name means.

        Args:
            stem: The name.
            width: How widely it is read.
            meaning: Returns the shape; called once, when it is needed.
        """
        self._names[f"{stem} {width}"] = meaning

    def meaning(self, name: str) -> Shape:
        """Return the shape that a name stands for.

        Args:
            name: The name.

        Raises:
            Unresolvable: Nobody has told what it means.
        """
        if name not in self._defined:
            if name not in self._names:
                raise Unresolvable(f"nothing is called {name!r}")
            self._defined[name] = self._names[name]()
        return self._defined[name]

    def at_least(self, bound: float | Fraction, *, beyond: bool = False) -> Shape:
        """Return the shape of numbers not below a bound.

        Args:
            bound: The bound.
            beyond: Whether the bound itself is excluded.
        """
        exact = fraction(bound)
        return self._once(("least", exact, beyond), lambda: AtLeast(exact, beyond))

    def at_most(self, bound: float | Fraction, *, beyond: bool = False) -> Shape:
        """Return the shape of numbers not above a bound.

        Args:
            bound: The bound.
            beyond: Whether the bound itself is excluded.
        """
        exact = fraction(bound)
        return self._once(("most", exact, beyond), lambda: AtMost(exact, beyond))

    def multiple_of(self, step: float | Fraction, *, negative: bool = False) -> Shape:
        """Return the shape of whole multiples of a step.

        Args:
            step: The step, above zero.
            negative: Whether the other numbers are meant.
        """
        exact = fraction(step)
        key = ("multiple", exact, negative)
        return self._once(key, lambda: MultipleOf(exact, negative))

    def length(self, least: int, most: int | None) -> Shape:
        """Return the shape of texts of a length.

        Args:
            least: Fewest characters.
            most: Most characters; None for any number.
        """
        if least <= 0 and most is None:
            return self.anything
        return self._once(("length", least, most), lambda: Length(least, most))

    def matches(self, pattern: str, *, negative: bool = False) -> Shape:
        """Return the shape of texts in which an expression is found.

        Args:
            pattern: The expression.
            negative: Whether the other texts are meant.
        """
        key = ("matches", pattern, negative)
        return self._once(key, lambda: Matches(pattern, negative))

    def has_format(self, name: str, *, negative: bool = False) -> Shape:
        """Return the shape of texts with a format.

        Args:
            name: The format's name.
            negative: Whether the other texts are meant.
        """
        return self._once(("format", name, negative), lambda: HasFormat(name, negative))

    def item_count(self, least: int, most: int | None) -> Shape:
        """Return the shape of lists with a number of items.

        Args:
            least: Fewest items.
            most: Most items; None for any number.
        """
        if least <= 0 and most is None:
            return self.anything
        return self._once(("items", least, most), lambda: ItemCount(least, most))

    def item_at(self, place: int, shape: Shape) -> Shape:
        """Return the shape of lists with a certain item at a place, if any.

        Args:
            place: The place, from 0.
            shape: The item's shape.
        """
        if shape is self.anything:
            return shape
        return self._once(("item", place, shape), lambda: ItemAt(place, shape))

    def items_from(self, place: int, shape: Shape) -> Shape:
        """Return the shape of lists with certain items from a place on.

        Args:
            place: The first place, from 0.
            shape: The shape of each of them.
        """
        if shape is self.anything:
            return shape
        return self._once(("from", place, shape), lambda: ItemsFrom(place, shape))

    def holding(
        self, shape: Shape, least: int, most: int | None, *, place: int = 0
    ) -> Shape:
        """Return the shape of lists that hold a number of certain items.

        Args:
            shape: The shape of the items that count.
            least: Fewest of them.
            most: Most of them; None for any number.
            place: Where counting begins.
        """
        if least <= 0 and most is None:
            return self.anything
        key = ("holding", place, shape, least, most)
        return self._once(key, lambda: Holding(place, shape, least, most))

    def distinct(self, *, negative: bool = False) -> Shape:
        """Return the shape of lists without equal items.

        Args:
            negative: Whether lists with equal items are meant.
        """
        return self._once(("distinct", negative), lambda: Distinct(negative))

    def property_count(self, least: int, most: int | None) -> Shape:
        """Return the shape of objects with a number of properties.

        Args:
            least: Fewest properties.
            most: Most properties; None for any number.
        """
        if least <= 0 and most is None:
            return self.anything
        key = ("properties", least, most)
        return self._once(key, lambda: PropertyCount(least, most))

    def properties(self, names: Shape, shape: Shape) -> Shape:
        """Return the shape of objects whose properties of some names have a shape.

        Args:
            names: The shape of the names.
            shape: The shape of the values.
        """
        if shape is self.anything or names is self.nothing:
            return self.anything
        return self._once(("each", names, shape), lambda: Properties(names, shape))

    def some_property(self, names: Shape, shape: Shape) -> Shape:
        """Return the shape of objects with a property of some names and shape.

        Args:
            names: The shape of the names.
            shape: The shape of the value.
        """
        key = ("some", names, shape)
        return self._once(key, lambda: SomeProperty(names, shape))

    def having(self, name: str) -> Shape:
        """Return the shape of objects with a property of a name.

        Args:
            name: The name.
        """
        return self.some_property(self.among([name]), self.anything)

    def opaque(self, reason: str, label: str, *, negative: bool = False) -> Shape:
        """Return a condition that is not read.

        Args:
            reason: Why it is not.
            label: What tells it from others.
            negative: Whether the opposite is meant.
        """
        key = ("opaque", label, negative)
        return self._once(key, lambda: Opaque(reason, label, negative))

    def kinds(self, shape: Shape) -> Kind:
        """Return kinds outside of which the shape certainly does not hold.

        Args:
            shape: The shape; a named one may be of any kind.
        """
        found = self._kinds.get(shape)
        if found is None:
            found = self._kinds[shape] = kinds_of(shape, self.kinds)
        return found
