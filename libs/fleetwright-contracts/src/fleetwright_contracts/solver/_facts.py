"""A conjunction seen from one kind of value: facts without choice, and what is open."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from fleetwright_contracts._values import ANY_KIND, Kind, Value, identity, kind_of, meet
from fleetwright_contracts.shapes import Shape, Shapes, opposite
from fleetwright_contracts.shapes._model import (
    Among,
    Either,
    Every,
    Named,
    NotAmong,
    OfKind,
    Opaque,
)


@dataclass(slots=True)
class Facts:
    """What must hold for values of one kind.

    Attributes:
        conditions: Conditions on the kind, without a choice.
        choices: Of each at least one part must hold.
        listed: The only values possible; None where no list limits them.
        excluded: Scalars that are not possible.
        opaque: A condition that is not read, if there is one.
    """

    conditions: dict[Shape, None] = field(default_factory=dict)
    choices: dict[Either, None] = field(default_factory=dict)
    listed: list[Value] | None = None
    excluded: list[Value] = field(default_factory=list)
    opaque: Opaque | None = None

    @property
    def unlisted(self) -> list[Shape]:
        """All conditions that are not choices, as shapes again."""
        return list(self.conditions)


def facts_of(shapes: Shapes, parts: Iterable[Shape], kind: Kind) -> Facts | None:
    """Return what the parts say about values of a kind.

    Args:
        shapes: Who made the parts.
        parts: What must hold.
        kind: A single kind.

    Returns:
        None where they contradict one another at a glance.
    """
    reading = _Reading(shapes, kind)
    return reading.facts if reading.add(parts) and reading.settle() else None


class _Reading:
    """Collects facts.

    Attributes:
        facts: What was found.
    """

    def __init__(self, shapes: Shapes, kind: Kind) -> None:
        """Begin without facts."""
        self.shapes = shapes
        self.kind = kind
        self.facts = Facts()
        self.said: set[Shape] = set()
        self.open: dict[Either, None] = {}

    def add(self, parts: Iterable[Shape]) -> bool:
        """Take parts apart; False where they contradict one another."""
        waiting = list(parts)
        while waiting:
            shape = waiting.pop()
            if shape in self.said:
                continue
            self.said.add(shape)
            match shape:
                case Every(inner):
                    waiting.extend(inner)
                case Named(name, negative):
                    if self.shapes.negations.get(shape) in self.said:
                        return False
                    meaning = self.shapes.meaning(name)
                    waiting.append(
                        opposite(self.shapes, meaning) if negative else meaning
                    )
                case Either():
                    self.open[shape] = None
                case _ if not self._fact(shape):
                    return False
        return True

    def _fact(self, shape: Shape) -> bool:
        """Note a single fact; False where it rules the kind out."""
        facts = self.facts
        match shape:
            case OfKind(kinds):
                return meet(kinds, self.kind) > 0
            case Among(values, _):
                return self._list(values)
            case NotAmong(values, _):
                facts.excluded += [one for one in values if kind_of(one) is self.kind]
            case Opaque():
                facts.opaque = shape
            case _ if shape.about is self.kind:
                facts.conditions[shape] = None
        return True

    def _list(self, values: Iterable[Value]) -> bool:
        """Limit the values to a list; False where none is left."""
        fitting = [value for value in values if kind_of(value) is self.kind]
        if self.facts.listed is not None:
            known = {identity(value) for value in self.facts.listed}
            fitting = [value for value in fitting if identity(value) in known]
        self.facts.listed = fitting
        return bool(fitting)

    def settle(self) -> bool:
        """Simplify the choices until none becomes a fact; False at a contradiction."""
        changed = True
        while changed:
            changed = False
            possible: dict[Either, list[Shape]] = {}
            for choice in list(self.open):
                left = self._left(choice)
                if left is None:
                    del self.open[choice]
                elif not left:
                    return False
                elif len(left) == 1:
                    del self.open[choice]
                    changed = True
                    if not self.add(left):
                        return False
                else:
                    possible[choice] = left
        for left in possible.values():
            again = self.shapes.either(left)
            if isinstance(again, Either):
                self.facts.choices[again] = None
        return True

    def _left(self, choice: Either) -> list[Shape] | None:
        """Return the parts of a choice that are still possible; None: it holds."""
        left = []
        for part in choice.parts:
            if part in self.said or self._is_given(part):
                return None
            if not meet(self.shapes.kinds(part), self.kind):
                continue
            if self._is_refuted(part):
                continue
            left.append(part)
        return left

    def _is_given(self, part: Shape) -> bool:
        """Return whether a part holds for every value of the kind."""
        if isinstance(part, OfKind):
            return meet(part.kinds, self.kind) > 0
        return part.about != ANY_KIND and part.about is not self.kind

    def _is_refuted(self, part: Shape) -> bool:
        """Return whether a part contradicts what was said, at a glance."""
        negations = self.shapes.negations
        if negations.get(part) in self.said:
            return True
        if isinstance(part, Every):
            for one in part.parts:
                if negations.get(one) in self.said:
                    return True
        return False
