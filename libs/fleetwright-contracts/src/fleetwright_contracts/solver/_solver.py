"""Is there a value for which all of some shapes hold?

The one question behind every other: an old contract fits into a new one exactly if
there is no value for which the old one holds and the new one does not. The answer is a
value, a proof that there is none, or a reason why neither was found out.

A value of a recursive shape contains values of the same shape, but a smallest one needs
none that has to meet the very same conditions: as long as nothing else is known, there
is none. Who used that is asked anew when a value is found after all. When nobody is
left to be asked anew, all that were answered with "there is none" have none: the
smallest value of them all would have to contain a smaller one.
"""

from collections.abc import Iterable

from fleetwright_contracts._values import Value
from fleetwright_contracts.errors import Exhausted
from fleetwright_contracts.shapes import Shape, Shapes
from fleetwright_contracts.solver._answers import NOWHERE, Answer, Found, Unsure
from fleetwright_contracts.solver._flat import FlatSearch, nesting
from fleetwright_contracts.solver._questions import Frame, Key, Question
from fleetwright_contracts.solver._search import Search

MOST_STEPS = 30_000
# Questions inside questions; those further inside wait until the stack is empty again.
_MOST_FRAMES = 6
# A witness is to be read: what is nested more is looked for once more, flatter.
_FLAT = 4
_FLATTER = (2, 4)
_STEPS_TO_FLATTEN = 60
# Where there are hundreds of witnesses, nobody reads the last of them.
_ALL_STEPS_TO_FLATTEN = 1500


class Solver(Search):
    """Finds values for shapes, and remembers what it found.

    Bounded by the steps it is allowed. Not safe to call from several threads.

    Attributes:
        was_cut: Whether the last search would have had to look deeper.
    """

    def __init__(self, shapes: Shapes, *, steps: int = MOST_STEPS) -> None:
        """Begin without answers.

        Args:
            shapes: Who makes the shapes.
            steps: Most questions, those that arise inside others included.
        """
        super().__init__(shapes, steps=steps)
        self.answers: dict[Key, Answer] = {}
        self._questions: dict[Key, Question] = {}
        self._frames: list[Frame] = []
        self.was_cut = False
        self._left_to_flatten = _ALL_STEPS_TO_FLATTEN

    def allow(self, steps: int) -> None:
        """Set what is left of the budget.

        Args:
            steps: Most questions from now on, those inside others included.
        """
        self.left = steps

    def search(self, parts: Iterable[Shape], *, deepest: int | None = None) -> Answer:
        """Return a value, one that is nested little if there is one.

        Args:
            parts: What must hold.
            deepest: How many values may be around one another; None for any number.

        Returns:
            Unsure, with `was_cut` being true, where only a deeper value was found.

        Raises:
            Exhausted: The budget is used up.
        """
        self.was_cut = False
        key = self.key(parts)
        answer = NOWHERE if key is None else self._settled(key)
        if key is None or not isinstance(answer, Found):
            return answer
        depth = nesting(answer.value)
        if depth > _FLAT:
            flatter = self._flatter(key, depth)
            answer = answer if flatter is None else Found(flatter)
        if deepest is not None and nesting(answer.value) > deepest:
            self.was_cut = True
            return Unsure(f"only values nested more than {deepest} deep may do")
        return answer

    def _flatter(self, key: Key, depth: int) -> Value | None:
        """Return a value that is nested less than one that was found."""
        for levels in _FLATTER:
            if levels >= depth or self._left_to_flatten <= 0:
                break
            steps = _STEPS_TO_FLATTEN
            flat = FlatSearch(self.shapes, self.known, levels=levels, steps=steps)
            try:
                answer = flat.search(key)
            except Exhausted:
                break
            finally:
                self._left_to_flatten -= steps - max(flat.left, 0)
            if isinstance(answer, Found):
                return answer.value
        return None

    def known(self, key: Key) -> Answer | None:
        """Return what is known about a question, perhaps for the time being.

        Args:
            key: What must hold.
        """
        found = self.answers.get(key)
        if found is None:
            question = self._questions.get(key)
            if question is not None and not question.is_stale:
                return question.answer
        return found

    # -- questions about the same value

    def find(self, parts: Iterable[Shape]) -> Answer:
        """Return a value that is the one that is looked for.

        Args:
            parts: What must hold.

        Raises:
            Exhausted: The budget is used up.
        """
        key = self.key(parts)
        if key is None:
            return NOWHERE
        known = self.answers.get(key)
        return self._asked(key) if known is None else known

    def _asked(self, key: Key) -> Answer:
        """Answer a question within the present frame."""
        frame = self._frames[-1]
        if key in frame.open:  # about the same value: nothing is learnt
            frame.leans = True
            return Unsure("a condition leads back to itself")
        known = frame.known.get(key)
        if known is not None:
            frame.leans = True
            return known
        leaned, frame.leans = frame.leans, False
        frame.open.add(key)
        try:
            answer = self.look(key)
        finally:
            frame.open.discard(key)
        if isinstance(answer, Found) or not frame.leans:
            self.answers[key] = answer
            frame.leans = leaned
        else:
            frame.known[key] = answer
        return answer

    # -- questions about values inside

    def find_inside(self, parts: Iterable[Shape]) -> Answer:
        """Return a value to be put into the one that is looked for.

        Args:
            parts: What must hold for it.

        Raises:
            Exhausted: The budget is used up.
        """
        key = self.key(parts)
        if key is None:
            return NOWHERE
        known = self.answers.get(key)
        if known is not None:
            return known
        question = self._question(key)
        if self._can_be_answered(question):
            self._answer(question)
            known = self.answers.get(key)
            if known is not None:
                return known
        frame = self._frames[-1]
        frame.leans = True
        frame.question.asks[question] = None
        question.asked_by[frame.question] = None
        return question.answer

    def _can_be_answered(self, question: Question) -> bool:
        """Return whether a question is to be answered now, and not taken as it is."""
        waits = question.is_open or len(self._frames) >= _MOST_FRAMES
        return question.is_stale and not waits

    def _question(self, key: Key) -> Question:
        """Return what is remembered of a question."""
        found = self._questions.get(key)
        if found is None:
            found = self._questions[key] = Question(key)
        return found

    def _answer(self, question: Question) -> None:
        """Answer a question, and ask those anew who were told something else."""
        question.is_open, question.is_stale = True, False
        question.asks.clear()
        frame = Frame(question)
        self._frames.append(frame)
        answer: Answer | None = None
        try:
            answer = self._asked(question.key)
        finally:
            self._frames.pop()
            question.is_open = False
            # Left by an error, it is no answer at all.
            question.is_stale = question.is_stale or answer is None
        if question.key in self.answers:
            self._questions.pop(question.key, None)
        if type(answer) is not type(question.answer):
            for asker in question.asked_by:
                asker.is_stale = True
            question.asked_by.clear()
        question.answer = answer

    def _settled(self, key: Key) -> Answer:
        """Return the answer for good."""
        if key not in self.answers:
            root = self._question(key)
            stale = [root]
            while stale and key not in self.answers:
                for question in stale:
                    if question.is_stale and question.key not in self.answers:
                        self._answer(question)
                    if key in self.answers:
                        return self.answers[key]
                reached = self._reached(root)
                stale = [one for one in reached if one.is_stale]
            if key not in self.answers:
                self._keep(reached)
        return self.answers[key]

    def _reached(self, root: Question) -> list[Question]:
        """Return the questions that an answer rests on, the innermost first."""
        reached: dict[Question, None] = {root: None}
        waiting = [root]
        while waiting:
            for one in waiting.pop().asks:
                if one not in reached and one.key not in self.answers:
                    reached[one] = None
                    waiting.append(one)
        return list(reversed(reached))

    def _keep(self, reached: Iterable[Question]) -> None:
        """Keep answers for good: nobody is left who could tell something else."""
        for question in reached:
            self.answers[question.key] = question.answer
            self._questions.pop(question.key, None)
