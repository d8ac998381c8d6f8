"""The search for one value, whoever answers the questions that arise on the way.

A question is a conjunction of shapes. It is taken apart by kinds, then by what is left
to choose; what is asked of values further inside is asked of somebody else.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from fleetwright_contracts._values import ANY_KIND, Kind, Value, kinds_in, meet, shared
from fleetwright_contracts.errors import ContractError, Exhausted
from fleetwright_contracts.shapes import Shape, Shapes, all_hold, holds, opposite
from fleetwright_contracts.shapes._model import Either, Every, Named
from fleetwright_contracts.solver._answers import (
    NOWHERE,
    Answer,
    Found,
    Nowhere,
    Unsure,
)
from fleetwright_contracts.solver._facts import Facts, facts_of
from fleetwright_contracts.solver._lists import find_list
from fleetwright_contracts.solver._numbers import find_number
from fleetwright_contracts.solver._objects import Limits, find_object
from fleetwright_contracts.solver._questions import Key, in_order, is_narrower
from fleetwright_contracts.solver._texts import find_string

# Plain kinds first: `0` says more than `{"a": {"b": 0}}`.
_ORDER = (
    Kind.STRING,
    Kind.NUMBER,
    Kind.NULL,
    Kind.BOOLEAN,
    Kind.ARRAY,
    Kind.OBJECT,
)


@dataclass(frozen=True, slots=True)
class _Inside:
    """Answers questions about values inside the one that is looked for."""

    search: "Search"

    @property
    def shapes(self) -> Shapes:
        """Who makes shapes."""
        return self.search.shapes

    def find(self, parts: Iterable[Shape]) -> Answer:
        """Return a value for which all parts hold.

        Args:
            parts: What must hold.
        """
        return self.search.find_inside(parts)


class Search(ABC):
    """Finds values for shapes. Not safe to call from several threads.

    Attributes:
        shapes: Who makes the shapes.
        left: What is left of the budget of steps.
    """

    def __init__(self, shapes: Shapes, *, steps: int) -> None:
        """Begin without answers.

        Args:
            shapes: Who makes the shapes.
            steps: Most questions, those that arise inside others included.
        """
        self.shapes = shapes
        self.left = steps
        self._inside = _Inside(self)

    @abstractmethod
    def find(self, parts: Iterable[Shape]) -> Answer:
        """Return a value that is the one that is looked for.

        Args:
            parts: What must hold.

        Raises:
            Exhausted: The budget is used up.
        """

    @abstractmethod
    def find_inside(self, parts: Iterable[Shape]) -> Answer:
        """Return a value to be put into the one that is looked for.

        Args:
            parts: What must hold for it.

        Raises:
            Exhausted: The budget is used up.
        """

    def key(self, parts: Iterable[Shape]) -> Key | None:
        """Return a question as a set; None where it contradicts itself.

        Args:
            parts: What must hold.
        """
        key: dict[Shape, None] = {}
        for part in parts:
            for one in part.parts if isinstance(part, Every) else (part,):
                key[one] = None
        if self.shapes.nothing in key:
            return None
        negations, has_names = self.shapes.negations, False
        for one in key:
            if negations.get(one) in key:
                return None
            has_names = has_names or isinstance(one, Named)
        return None if has_names and is_narrower(key) else frozenset(key)

    def look(self, key: Key) -> Answer:
        """Look for a value of each kind in turn.

        Args:
            key: What must hold.

        Returns:
            A value, that there is none, or that nobody can tell.

        Raises:
            Exhausted: The budget is used up.
        """
        self.left -= 1
        if self.left < 0:
            raise Exhausted("the question is too large for the budget of steps")
        kinds = self._kinds(key)
        unsure: Unsure | None = None
        for kind in _ORDER:
            if not meet(kind, kinds):
                continue
            answer = self._of_kind(key, kind)
            if isinstance(answer, Found):
                return answer
            if isinstance(answer, Unsure):
                unsure = answer
        return unsure or NOWHERE

    def _kinds(self, key: Key) -> Kind:
        """Return the kinds outside of which there is certainly no value."""
        kinds = ANY_KIND
        for part in key:
            kinds = shared(kinds, self.shapes.kinds(part))
            if isinstance(part, Named) and not part.negative:
                with suppress(ContractError):  # said where it is looked at
                    meaning = self.shapes.meaning(part.name)
                    kinds = shared(kinds, self.shapes.kinds(meaning))
        return kinds

    def _of_kind(self, key: Key, kind: Kind) -> Answer:
        """Look for a value of one kind."""
        try:
            facts = facts_of(self.shapes, in_order(key), kind)
            if facts is None:
                return NOWHERE
            if kind is Kind.NULL:
                return self._one_of(key, [None])
            if kind is Kind.BOOLEAN:
                return self._one_of(key, [False, True])
            if facts.listed is not None:
                return self._one_of(key, facts.listed)
            if facts.choices:
                return self._with_choices(key, facts, kind)
            return self._sure(key, self._plain(facts, kind))
        except Exhausted as error:
            if self.left < 0:
                raise
            return Unsure(error.reason)
        except ContractError as error:
            return Unsure(error.reason)

    def _one_of(self, key: Key, values: Iterable[Value]) -> Answer:
        """Return the first of some values for which all holds."""
        unsure = False
        parts = in_order(key)
        for value in values:
            answer = all_hold(self.shapes, parts, value)
            if answer:
                return Found(value)
            unsure = unsure or answer is None
        return Unsure(self._reason(key)) if unsure else NOWHERE

    def _plain(self, facts: Facts, kind: Kind) -> Answer:
        """Look for a value where nothing is left to choose."""
        if kind is Kind.NUMBER:
            return find_number(facts.conditions, facts.excluded)
        if kind is Kind.STRING:
            return find_string(self.shapes, facts.conditions, facts.excluded)
        if kind is Kind.ARRAY:
            return find_list(self._inside, facts.conditions)
        return find_object(self._inside, facts.conditions)

    def _sure(self, key: Key, answer: Answer) -> Answer:
        """Return an answer whose value was looked at once more as a whole."""
        if not isinstance(answer, Found):
            return answer
        if all_hold(self.shapes, in_order(key), answer.value):
            return answer
        return Unsure(self._reason(key))

    def _reason(self, key: Key) -> str:
        """Say why it is not known whether a value fits."""
        for kind in kinds_in(ANY_KIND):
            facts = facts_of(self.shapes, in_order(key), kind)
            if facts is not None and facts.opaque is not None:
                return facts.opaque.reason
        return "a value was found that may not fit"

    # -- choices

    def _with_choices(self, key: Key, facts: Facts, kind: Kind) -> Answer:
        """Look for a value where some parts are alternatives."""
        given = self._given(facts, kind)
        choices = list(facts.choices)
        if len(choices) == 1:
            return self._one_way(given, choices, facts)
        quick = self._quick(given, choices)
        if quick is not None:
            return quick
        choices = [one for one in choices if not self._follows(given, one)]
        # That they follow may have been believed for the time being only.
        return self._sure(key, self._one_way(given, choices, facts))

    def _one_way(
        self, given: list[Shape], choices: list[Either], facts: Facts
    ) -> Answer:
        """Look for a value by each part of the smallest choice in turn."""
        if not choices:
            return self.find(given)
        first = min(choices, key=lambda one: len(one.parts))
        others = [one for one in choices if one is not first]
        unsure: Unsure | None = None
        limits = Limits(self._inside, facts.conditions)
        for part in first.parts:
            if limits.forbid(part):
                continue
            answer = self.find([*given, *others, part])
            if isinstance(answer, Found):
                return answer
            if isinstance(answer, Unsure):
                unsure = answer
        return unsure or NOWHERE

    def _given(self, facts: Facts, kind: Kind) -> list[Shape]:
        """Return the facts without a choice as shapes again."""
        given = [self.shapes.of_kind(kind), *facts.conditions]
        if facts.excluded:
            given.append(self.shapes.not_among(facts.excluded))
        if facts.opaque is not None:
            given.append(facts.opaque)
        return given

    def _quick(self, given: list[Shape], choices: list[Either]) -> Answer | None:
        """Return the answer if the facts give it with no choice, or with a single one.

        So a union is found to take a value in one of its branches without trying all
        ways in which all of its branches could refuse it.
        """
        doubted = list(choices)
        for more in ([], *([choice] for choice in choices)):
            answer = self.find([*given, *more])
            if isinstance(answer, Nowhere):
                return NOWHERE
            if not isinstance(answer, Found):
                continue
            for place, choice in enumerate(doubted):
                if not holds(self.shapes, choice, answer.value):
                    # It is likely to refuse the next value, too.
                    doubted.insert(0, doubted.pop(place))
                    break
            else:
                return answer
        return None

    def _follows(self, given: list[Shape], choice: Either) -> bool:
        """Return whether the facts alone make a choice true."""
        other = opposite(self.shapes, choice)
        return isinstance(self.find([*given, other]), Nowhere)
