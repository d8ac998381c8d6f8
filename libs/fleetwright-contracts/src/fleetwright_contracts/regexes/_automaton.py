"""An expression as a machine: sets of states, stepped one character at a time."""

import functools
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from fleetwright_contracts.errors import Exhausted, Unsupported
from fleetwright_contracts.regexes import _charsets as charsets
from fleetwright_contracts.regexes._charsets import Ranges
from fleetwright_contracts.regexes._parse import (
    Choice,
    Edge,
    Letter,
    Repeat,
    Tree,
    parse,
)
from fleetwright_contracts.regexes._parse import Sequence as Parts

States: TypeAlias = frozenset[int]

_MOST_STATES = 6000
_MOST_PARTS = 60_000


class Automaton:
    """Accepts the texts in which an expression is found anywhere, as in JSON Schema.

    Attributes:
        start: States before the first character.
        sets: The sets of characters that its steps ask for.
    """

    def __init__(self) -> None:
        """Begin without a state."""
        self._free: list[list[int]] = []
        self._edges: list[list[tuple[bool, int]]] = []
        self._steps: list[list[tuple[Ranges, int]]] = []
        self._memo: dict[tuple[States, int], States] = {}
        self._end_memo: dict[tuple[States, bool], bool] = {}
        self._parts = 0
        self._accept = self._new()
        self._begin = self._new()
        self.start: States = frozenset()
        self.sets: tuple[Ranges, ...] = ()

    @classmethod
    def of_pattern(cls, pattern: str) -> "Automaton":
        """Return the machine of an expression.

        Args:
            pattern: The expression.

        Raises:
            Unreadable: It is no regular expression.
            Unsupported: It asks for what a finite machine cannot tell.
            Exhausted: The machine would be too large.
        """
        machine = cls()
        first = machine._new()
        last = machine._tree(parse(pattern), first)
        # Found anywhere: anything may come before and after.
        machine._steps[machine._begin].append((charsets.EVERY, machine._begin))
        machine._free[machine._begin].append(first)
        machine._free[last].append(machine._accept)
        machine._steps[machine._accept].append((charsets.EVERY, machine._accept))
        return machine._closed()

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> "Automaton":
        """Return the machine that accepts exactly these texts.

        Args:
            texts: The texts.

        Raises:
            Exhausted: They are too long together.
        """
        machine = cls()
        children: dict[tuple[int, str], int] = {}
        for text in texts:
            state = machine._begin
            for letter in text:
                if (state, letter) not in children:
                    children[state, letter] = machine._new()
                    one = ((ord(letter), ord(letter)),)
                    machine._steps[state].append((one, children[state, letter]))
                state = children[state, letter]
            machine._edges[state].append((False, machine._accept))
        return machine._closed()

    def step(self, states: States, code: int) -> States:
        """Return the states after one more character.

        Args:
            states: Where it is.
            code: The character's code point.
        """
        known = self._memo.get((states, code))
        if known is None:
            reached = {
                target
                for state in states
                for ranges, target in self._steps[state]
                if charsets.holds(ranges, code)
            }
            known = self._memo[states, code] = self._closure(reached, at_start=False)
        return known

    def accepts(self, states: States, *, at_start: bool = False) -> bool:
        """Return whether the text may end here.

        Args:
            states: Where it is.
            at_start: Whether the text is empty, so that its end is its beginning.
        """
        known = self._end_memo.get((states, at_start))
        if known is None:
            known = self._accept in self._closure(states, at_start=at_start, ends=True)
            self._end_memo[states, at_start] = known
        return known

    def matches(self, text: str) -> bool:
        """Return whether the expression is found in a text.

        Args:
            text: The text.
        """
        states = self.start
        for letter in text:
            states = self.step(states, ord(letter))
        return self.accepts(states, at_start=not text)

    def _closed(self) -> "Automaton":
        """Work out what is asked often."""
        self.start = self._closure({self._begin}, at_start=True)
        found = dict.fromkeys(ranges for steps in self._steps for ranges, _ in steps)
        self.sets = tuple(found)
        return self

    def _new(self) -> int:
        """Return a new state."""
        if len(self._free) >= _MOST_STATES:
            raise Exhausted(f"a pattern needs more than {_MOST_STATES} states")
        self._free.append([])
        self._edges.append([])
        self._steps.append([])
        return len(self._free) - 1

    def _tree(self, tree: Tree, start: int) -> int:
        """Add a part that begins at `start`, and return where it ends."""
        self._parts += 1
        if self._parts > _MOST_PARTS:  # `((){9999}){9999}` needs no state at all
            raise Exhausted("a pattern repeats too much")
        match tree:
            case Letter(ranges):
                end = self._new()
                self._steps[start].append((ranges, end))
                return end
            case Edge(at_start):
                end = self._new()
                self._edges[start].append((at_start, end))
                return end
            case Parts(parts):
                for part in parts:
                    start = self._tree(part, start)
                return start
            case Choice(parts):
                end = self._new()
                for part in parts:
                    first = self._new()
                    self._free[start].append(first)
                    self._free[self._tree(part, first)].append(end)
                return end
            case Repeat():
                return self._repeat(tree, start)
        raise Unsupported("a lookahead inside a pattern is not decided")

    def _repeat(self, repeat: Repeat, start: int) -> int:
        """Add a part that comes several times."""
        for _ in range(repeat.least):
            start = self._tree(repeat.part, start)
        if repeat.most is None:
            loop = self._new()
            self._free[start].append(loop)
            again = self._tree(repeat.part, loop)
            self._free[again].append(loop)
            return loop
        end = self._new()
        for _ in range(repeat.most - repeat.least):
            self._free[start].append(end)
            start = self._tree(repeat.part, start)
        self._free[start].append(end)
        return end

    def _closure(
        self, states: Iterable[int], *, at_start: bool, ends: bool = False
    ) -> States:
        """Return all states that are reached without a character."""
        waiting = list(states)
        seen = set(waiting)
        while waiting:
            state = waiting.pop()
            targets = list(self._free[state])
            for is_start, target in self._edges[state]:
                if at_start if is_start else ends:
                    targets.append(target)
            for target in targets:
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return frozenset(seen)


@functools.lru_cache(maxsize=1024)
def automaton(pattern: str) -> Automaton:
    """Return the machine of an expression, made once.

    Args:
        pattern: The expression.

    Raises:
        Unreadable: It is no regular expression.
        Unsupported: It asks for what a finite machine cannot tell.
        Exhausted: The machine would be too large.
    """
    return Automaton.of_pattern(pattern)


def letters(machines: Sequence[Automaton]) -> list[int]:
    """Return one character for each way the machines can tell characters apart.

    Args:
        machines: The machines.
    """
    sets = [ranges for machine in machines for ranges in machine.sets]
    return charsets.representatives(sets)
