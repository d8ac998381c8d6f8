"""Is there a value for which all of some shapes hold?

The one question behind every other: an old contract fits into a new one exactly if
there is no value for which the old one holds and the new one does not. The answer is a
value, a proof that there is none, or a reason why neither was found out.

A value of a recursive shape contains values of the same shape, but a smallest one needs
none that has to meet the very same conditions: while a question is open, the same one
asked again inside counts as "there is none". What was concluded from that is kept for
good only when the outer question is answered with "there is none" as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fleetwright_contracts._values import ANY_KIND, Kind, Value, kinds_in
from fleetwright_contracts.errors import ContractError, Exhausted
from fleetwright_contracts.shapes import Shape, Shapes, holds, opposite
from fleetwright_contracts.shapes._model import Either, Every
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
from fleetwright_contracts.solver._objects import find_object
from fleetwright_contracts.solver._questions import Key, Question, is_narrower
from fleetwright_contracts.solver._texts import find_string

MOST_STEPS = 30_000
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

    solver: "Solver"

    @property
    def shapes(self) -> Shapes:
        """Who makes shapes."""
        return self.solver.shapes

    def find(self, parts: Iterable[Shape]) -> Answer:
        """Return a value for which all parts hold.

        Args:
            parts: What must hold.
        """
        return self.solver.find_inside(parts)


class Solver:
    """Finds values for shapes, and remembers what it found.

    Bounded by the steps it is allowed. Not safe to call from several threads.

    Attributes:
        shapes: Who makes the shapes.
        left: What is left of the budget.
    """

    def __init__(self, shapes: Shapes, *, steps: int = MOST_STEPS) -> None:
        """Begin without answers.

        Args:
            shapes: Who makes the shapes.
            steps: Most questions, those that arise inside others included.
        """
        self.shapes = shapes
        self.left = steps
        self._inside = _Inside(self)
        self._depth = 0
        self._answers: dict[Key, Answer] = {}
        self._open: dict[Key, Question] = {}
        self._stack: list[Question] = []
        # Concluded from open questions having no value; what each rests on, as bits.
        self._for_now: dict[Key, int] = {}
        # Given up at a depth; what further levels were looked at then.
        self._shallow: dict[Key, tuple[int, Unsure]] = {}
        self._deepest = 0
        self.was_cut = False

    def allow(self, steps: int) -> None:
        """Set what is left of the budget.

        Args:
            steps: Most questions from now on, those inside others included.
        """
        self.left = steps

    def search(self, parts: Iterable[Shape], *, deepest: int) -> Answer:
        """Return a value that is not nested too deeply.

        Args:
            parts: What must hold.
            deepest: How many values may be around one another.

        Returns:
            Unsure, with `was_cut` being true, where a deeper look could tell more.

        Raises:
            Exhausted: The budget is used up.
        """
        self._deepest, self.was_cut = deepest, False
        return self.find(parts)

    def find(self, parts: Iterable[Shape]) -> Answer:
        """Return a value for which all parts hold.

        Args:
            parts: What must hold.

        Raises:
            Exhausted: The budget is used up.
        """
        key = self._key(parts)
        if key is None:
            return NOWHERE
        known = self._answers.get(key)
        if known is not None:
            return known
        asked = self._open.get(key)
        if asked is not None:
            if asked.depth == self._depth:  # about the same value: nothing is learnt
                return Unsure("a condition leads back to itself")
            self._rest_on(1 << asked.level)
            return NOWHERE
        resting = self._for_now.get(key)
        if resting is not None and self._is_outside(resting):
            self._rest_on(resting)
            return NOWHERE
        levels, given_up = self._shallow.get(key, (-1, None))
        if given_up is not None and levels >= self._deepest - self._depth:
            self._cut()
            return given_up
        return self._asked(key)

    def _cut(self) -> None:
        """Note that a deeper look could tell more."""
        if self._stack:
            self._stack[-1].is_cut = True
        else:
            self.was_cut = True

    def find_inside(self, parts: Iterable[Shape]) -> Answer:
        """Return a value to be put into the one that is looked for.

        Args:
            parts: What must hold for it.
        """
        if self._depth >= self._deepest:
            self._cut()
            return Unsure(f"only values nested more than {self._deepest} deep may do")
        self._depth += 1
        try:
            return self.find(parts)
        finally:
            self._depth -= 1

    def _key(self, parts: Iterable[Shape]) -> Key | None:
        """Return the question as a set; None where it contradicts itself."""
        key: dict[Shape, None] = {}
        for part in parts:
            for one in part.parts if isinstance(part, Every) else (part,):
                key[one] = None
        if self.shapes.nothing in key:
            return None
        negations = self.shapes.negations
        if any(negations.get(part) in key for part in key) or is_narrower(key):
            return None
        return frozenset(key)

    def _rest_on(self, levels: int) -> None:
        """Note that the innermost open question rests on some further out."""
        if self._stack:
            self._stack[-1].rests_on |= levels

    def _is_outside(self, levels: int) -> bool:
        """Return whether all these questions are about values around the present one.

        One about the same value may be the reason of what was concluded from it.
        """
        innermost = self._stack[levels.bit_length() - 1]
        return innermost.depth < self._depth

    def _asked(self, key: Key) -> Answer:
        """Answer a question that is asked for the first time."""
        self.left -= 1
        if self.left < 0:
            raise Exhausted("the question is too large for the budget of steps")
        question = Question(len(self._stack), self._depth)
        self._open[key] = question
        self._stack.append(question)
        answer: Answer | None = None
        try:
            answer = self._answer(key)
        finally:
            # Also when it was left by an error, nothing may rest on it any longer.
            del self._open[key]
            self._stack.pop()
            self._settle(question, isinstance(answer, Nowhere))
        rests_on = question.rests_on & ((1 << question.level) - 1)
        if isinstance(answer, Nowhere) and rests_on:
            self._keep_for_now(key, rests_on)
            self._rest_on(rests_on)
        elif isinstance(answer, Unsure) and question.is_cut:
            self._shallow[key] = (self._deepest - question.depth, answer)
            self._cut()
        else:
            self._for_now.pop(key, None)
            self._answers[key] = answer
        return answer

    def _keep_for_now(self, key: Key, rests_on: int) -> None:
        """Remember "there is none" as long as what it rests on is open."""
        self._for_now[key] = rests_on
        for level in range(rests_on.bit_length()):
            if rests_on >> level & 1:
                self._stack[level].held[key] = None

    def _settle(self, question: "Question", is_nowhere: bool) -> None:
        """Keep or forget what rested on a question that is answered now."""
        own = 1 << question.level
        for key in question.held:
            resting = self._for_now.get(key, 0)
            if not resting & own:
                continue
            del self._for_now[key]
            if not is_nowhere:
                continue
            resting = (resting | question.rests_on) & (own - 1)
            if resting:
                self._keep_for_now(key, resting)
            else:
                self._answers[key] = NOWHERE

    def _answer(self, key: Key) -> Answer:
        """Look for a value of each kind in turn."""
        kinds = ANY_KIND
        for part in key:
            kinds &= self.shapes.kinds(part)
        unsure: Unsure | None = None
        for kind in sorted(kinds_in(kinds), key=_ORDER.index):
            answer = self._of_kind(key, kind)
            if isinstance(answer, Found):
                return answer
            if isinstance(answer, Unsure):
                unsure = answer
        return unsure or NOWHERE

    def _of_kind(self, key: Key, kind: Kind) -> Answer:
        """Look for a value of one kind."""
        try:
            facts = facts_of(self.shapes, key, kind)
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
            return Unsure(error.message)
        except ContractError as error:
            return Unsure(error.message)

    def _one_of(self, key: Key, values: Iterable[Value]) -> Answer:
        """Return the first of some values for which all holds."""
        unsure = False
        whole = self.shapes.every(key)
        for value in values:
            answer = holds(self.shapes, whole, value)
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
        if holds(self.shapes, self.shapes.every(key), answer.value):
            return answer
        return Unsure(self._reason(key))

    def _reason(self, key: Key) -> str:
        """Say why it is not known whether a value fits."""
        for kind in kinds_in(ANY_KIND):
            facts = facts_of(self.shapes, key, kind)
            if facts is not None and facts.opaque is not None:
                return facts.opaque.reason
        return "a value was found that may not fit"

    # -- choices

    def _with_choices(self, key: Key, facts: Facts, kind: Kind) -> Answer:
        """Look for a value where some parts are alternatives."""
        given = self._given(facts, kind)
        choices = list(facts.choices)
        if len(choices) > 1:
            quick = self._quick(key, given, choices)
            if quick is not None:
                return quick
            choices = [one for one in choices if not self._follows(given, one)]
        if not choices:
            return self._sure(key, self.find(given))
        first = min(choices, key=lambda one: len(one.parts))
        others = [one for one in choices if one is not first]
        unsure: Unsure | None = None
        for part in first.parts:
            answer = self._sure(key, self.find([*given, *others, part]))
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

    def _quick(
        self, key: Key, given: list[Shape], choices: list[Either]
    ) -> Answer | None:
        """Return the answer if the facts give it with no choice, or with a single one.

        So a union is found to take a value in one of its branches without trying all
        ways in which all of its branches could refuse it.
        """
        for more in ([], *([choice] for choice in choices)):
            answer = self.find([*given, *more])
            if isinstance(answer, Nowhere):
                return NOWHERE
            if isinstance(answer, Found) and holds(
                self.shapes, self.shapes.every(key), answer.value
            ):
                return answer
        return None

    def _follows(self, given: list[Shape], choice: Either) -> bool:
        """Return whether the facts alone make a choice true."""
        other = opposite(self.shapes, choice)
        return isinstance(self.find([*given, other]), Nowhere)
