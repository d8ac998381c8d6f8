"""Is there an object that has what it must have, and nothing it must not?"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, product

from fleetwright_contracts._values import ANY_KIND, Kind, Value, kind_of
from fleetwright_contracts.errors import Exhausted
from fleetwright_contracts.shapes import Shape, holds_for_name, opposite
from fleetwright_contracts.shapes._model import (
    Among,
    Either,
    Every,
    NotAmong,
    Properties,
    PropertyCount,
    SomeProperty,
)
from fleetwright_contracts.solver._answers import (
    NOWHERE,
    Answer,
    Found,
    Nowhere,
    Unsure,
)
from fleetwright_contracts.solver._asking import Asking

_MOST_PATTERNS = 6
_MOST_PROPERTIES = 1000
_MOST_WAYS = 2000


@dataclass(slots=True)
class _Fresh:
    """A property whose name is not written anywhere, only described."""

    names: tuple[Shape, ...]
    values: list[Shape]


@dataclass(slots=True)
class _Plan:
    """Which properties an object gets, and what their values must be."""

    named: dict[str, list[Shape]]
    fresh: list[_Fresh] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many properties it gets."""
        return len(self.named) + len(self.fresh)

    def copy(self) -> "_Plan":
        """Return a plan that can be changed on its own."""
        named = {name: list(parts) for name, parts in self.named.items()}
        return _Plan(named, [_Fresh(one.names, list(one.values)) for one in self.fresh])


def find_object(asking: Asking, conditions: Iterable[Shape]) -> Answer:
    """Return an object for which all conditions hold.

    Args:
        asking: Answers questions about the values of properties.
        conditions: Conditions on objects.
    """
    return _Search(asking, list(conditions)).run()


class Limits:
    """What the values of properties must be if they are there."""

    def __init__(self, asking: Asking, conditions: Iterable[Shape]) -> None:
        """Keep limits on single names apart: an object has hundreds of them.

        Args:
            asking: Answers questions about the values of properties.
            conditions: Conditions on objects.
        """
        self._asking = asking
        self._by_name: dict[str, list[Shape]] = {}
        self._described: list[Properties] = []
        for one in conditions:
            if not isinstance(one, Properties):
                continue
            if not isinstance(one.names, Among):
                self._described.append(one)
                continue
            for name in one.names.values:
                self._by_name.setdefault(name, []).append(one.shape)

    def of(self, name: str) -> list[Shape]:
        """Return what the value of a property must be, whoever asks for it.

        Args:
            name: The property.
        """
        return self._by_name.get(name, []) + [
            one.shape
            for one in self._described
            if holds_for_name(self._asking.shapes, one.names, name) is True
        ]

    def forbid(self, part: Shape) -> bool:
        """Return whether a property that must be there cannot be.

        Args:
            part: What is asked of an object.
        """
        for one in part.parts if isinstance(part, Every) else (part,):
            if not isinstance(one, SomeProperty) or not isinstance(one.names, Among):
                continue
            name = one.names.values[0]
            if len(one.names.values) > 1 or not isinstance(name, str):
                continue
            if isinstance(self._asking.find([*self.of(name), one.shape]), Nowhere):
                return True
        return False


class _Search:
    """The search for one object."""

    def __init__(self, asking: Asking, conditions: list[Shape]) -> None:
        """Sort the conditions."""
        self.asking = asking
        self.shapes = asking.shapes
        self.least = 0
        self.most = math.inf  # a float only where there is no end
        self.limits: list[Properties] = []
        self.needs: list[SomeProperty] = []
        for condition in conditions:
            match condition:
                case PropertyCount(least, most):
                    self.least = max(self.least, least)
                    self.most = self.most if most is None else min(self.most, most)
                case Properties():
                    self.limits.append(condition)
                case SomeProperty():
                    self.needs.append(condition)
        self.mentioned = [one.names for one in self.limits]
        self.mentioned += [one.names for one in self.needs]
        written = map(self._written, self.mentioned)
        self.names = list(dict.fromkeys(chain.from_iterable(written)))
        self._limits = Limits(asking, self.limits)
        self.unsure: Unsure | None = None
        self._kinds_of_fresh: list[_Fresh] | None = None

    def _written(self, names: Shape) -> tuple[str, ...]:
        """Return the names that a shape of names spells out."""
        known = self.shapes.written.get(names)
        if known is None:
            known = self.shapes.written[names] = tuple(_written(names))
        return known

    def run(self) -> Answer:
        """Return an object, or that there is none."""
        if self.least > self.most:
            return NOWHERE
        if self.least > _MOST_PROPERTIES:
            return Unsure(f"an object of {self.least} properties is too large")
        plan, others = self._forced()
        if plan is None or plan.size > self.most:
            return NOWHERE
        for tried, complete in enumerate(self._ways(plan, others)):
            if tried >= _MOST_WAYS:
                raise Exhausted("there are too many ways to make an object")
            found = self._built(complete)
            if isinstance(found, Found):
                return found
        return self.unsure or NOWHERE

    def _forced(self) -> tuple[_Plan | None, list[SomeProperty]]:
        """Return the properties that must be there by name, and the other needs."""
        named: dict[str, list[Shape]] = {}
        others = []
        for need in self.needs:
            if isinstance(need.names, Among) and len(need.names.values) == 1:
                named.setdefault(need.names.values[0], []).append(need.shape)
            else:
                others.append(need)
        # What a difference asks for is most likely impossible: look there first.
        order = sorted(named, key=lambda name: -len(named[name]))
        plan = _Plan({})
        for name in order:
            if kind_of(name) is not Kind.STRING:
                return None, []
            plan.named[name] = [*self._limits.of(name), *named[name]]
            if isinstance(self._ask(plan.named[name]), Nowhere):
                return None, []
        return plan, others

    def _ask(self, parts: Iterable[Shape]) -> Answer:
        """Return a value for a property; remember when nobody knows."""
        answer = self.asking.find(parts)
        if isinstance(answer, Unsure):
            self.unsure = answer
        return answer

    def _ways(self, plan: _Plan, needs: list[SomeProperty]) -> Iterator[_Plan]:
        """Yield every way to meet the needs that name no single property."""
        if not needs:
            yield plan
            return
        need, *rest = needs
        for way in self._ways_of_one(plan, need):
            if way.size <= self.most:
                yield from self._ways(way, rest)

    def _ways_of_one(self, plan: _Plan, need: SomeProperty) -> Iterator[_Plan]:
        """Yield every way to meet one need."""
        for name in dict.fromkeys([*plan.named, *self.names]):
            if holds_for_name(self.shapes, need.names, name) is False:
                continue
            way = plan.copy()
            way.named.setdefault(name, self._limits.of(name)).append(need.shape)
            if not isinstance(self._ask(way.named[name]), Nowhere):
                yield way
        for place, fresh in enumerate(plan.fresh):
            if self._is_named_by(fresh, need):
                way = plan.copy()
                way.fresh[place].values.append(need.shape)
                if not isinstance(self._ask(way.fresh[place].values), Nowhere):
                    yield way
        for fresh in self._fresh():
            if self._is_named_by(fresh, need):
                values = [*fresh.values, need.shape]
                if not isinstance(self._ask(values), Nowhere):
                    way = plan.copy()
                    way.fresh.append(_Fresh(fresh.names, values))
                    yield way

    def _is_named_by(self, fresh: _Fresh, need: SomeProperty) -> bool:
        """Return whether a name that is written nowhere is among those of a need."""
        status = _status_of_fresh(need.names)
        return need.names in fresh.names if status is None else status

    def _fresh(self) -> list[_Fresh]:
        """Return the kinds of properties whose names are written nowhere."""
        if self._kinds_of_fresh is None:
            self._kinds_of_fresh = list(self._sorted_fresh())
        return self._kinds_of_fresh

    def _sorted_fresh(self) -> Iterator[_Fresh]:
        """Yield, for each way to be in or out of the patterns, what values must be."""
        described = dict.fromkeys(
            names for names in self.mentioned if _status_of_fresh(names) is None
        )
        if len(described) > _MOST_PATTERNS:
            raise Exhausted("too many patterns of property names meet")
        for inside in product((False, True), repeat=len(described)):
            chosen = dict(zip(described, inside, strict=True))
            names = tuple(
                part if within else opposite(self.shapes, part)
                for part, within in chosen.items()
            )
            values = [
                one.shape
                for one in self.limits
                if chosen.get(one.names, _status_of_fresh(one.names))
            ]
            if not isinstance(self._name(names, ()), Nowhere):
                yield _Fresh(names, values)

    def _name(self, names: Iterable[Shape], taken: Iterable[str]) -> Answer:
        """Return a name that is written nowhere and was not taken."""
        known = self.shapes.not_among(dict.fromkeys([*self.names, *taken]))
        text = self.shapes.of_kind(Kind.STRING)
        return self._ask([text, known, *names])

    def _built(self, plan: _Plan) -> Answer:
        """Return the object of a plan, filled up to its least size."""
        made: dict[str, Value] = {}
        for name, parts in plan.named.items():
            answer = self._ask(parts)
            if not isinstance(answer, Found):
                return answer
            made[name] = answer.value
        for fresh in plan.fresh:
            answer = self._put(made, fresh)
            if not isinstance(answer, Found):
                return answer
        return self._filled(made)

    def _put(self, made: dict[str, Value], fresh: _Fresh) -> Answer:
        """Add a property whose name is found for it."""
        name = self._name(fresh.names, made)
        value = self._ask(fresh.values)
        if isinstance(name, Found) and isinstance(value, Found):
            made[name.value] = value.value
            return name
        return name if not isinstance(name, Found) else value

    def _filled(self, made: dict[str, Value]) -> Answer:
        """Add properties until there are enough."""
        for name in self.names:
            if len(made) >= self.least:
                return Found(made)
            if name not in made and kind_of(name) is Kind.STRING:
                answer = self._ask(self._limits.of(name))
                if isinstance(answer, Found):
                    made[name] = answer.value
        for fresh in self._fresh() if len(made) < self.least else ():
            while len(made) < self.least:
                if not isinstance(self._put(made, fresh), Found):
                    break
        return Found(made) if len(made) >= self.least else self.unsure or NOWHERE


def _written(names: Shape) -> Iterator[str]:
    """Yield the names that a shape of names spells out."""
    match names:
        case Among(values, _) | NotAmong(values, _):
            yield from (value for value in values if isinstance(value, str))
        case Every(parts) | Either(parts):
            for part in parts:
                yield from _written(part)


def _status_of_fresh(names: Shape) -> bool | None:
    """Return whether a name that is written nowhere is in; None where it depends."""
    match names:
        case Among():
            return False
        case NotAmong():
            return True
        case Every(parts):
            states = [_status_of_fresh(part) for part in parts]
            return False if False in states else None if None in states else True
        case Either(parts):
            states = [_status_of_fresh(part) for part in parts]
            return True if True in states else None if None in states else False
    if names.about not in (Kind.STRING, ANY_KIND):
        return True
    return None
