"""The shortest text that some expressions match and others do not."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from fleetwright_contracts.errors import Exhausted
from fleetwright_contracts.regexes._automaton import (
    Automaton,
    States,
    automaton,
    letters,
)

_MOST_WORK = 600_000
_LONGEST = 50_000

_Place: TypeAlias = tuple[States, ...]
_Layer: TypeAlias = dict[_Place, tuple[_Place, int] | None]


def find_text(
    matched: Iterable[str] = (),
    unmatched: Iterable[str] = (),
    *,
    shortest: int = 0,
    longest: int | None = None,
    excluded: Iterable[str] = (),
) -> str | None:
    """Return a shortest text that fits, None where there is none.

    Args:
        matched: Expressions that are found in the text.
        unmatched: Expressions that are not.
        shortest: Least length, in characters.
        longest: Greatest length; None for any.
        excluded: Texts that it is not.

    Raises:
        Unreadable: One of them is no regular expression.
        Unsupported: One of them asks for what a finite machine cannot tell.
        Exhausted: Finding out would take too long.
    """
    if longest is not None and longest < shortest:
        return None
    wanted = [automaton(pattern) for pattern in dict.fromkeys(matched)]
    unwanted = [automaton(pattern) for pattern in dict.fromkeys(unmatched)]
    texts = [
        text
        for text in dict.fromkeys(excluded)
        if len(text) >= shortest and (longest is None or len(text) <= longest)
    ]
    if not wanted and not unwanted:
        return _free_text(shortest, longest, set(texts))
    if texts:
        unwanted.append(Automaton.of_texts(texts))
    return _Search(wanted, unwanted).run(shortest, longest)


def _free_text(shortest: int, longest: int | None, excluded: set[str]) -> str | None:
    """Return a text of the right length that is not excluded."""
    if shortest > _LONGEST:
        raise Exhausted(f"a text of {shortest} characters is too long to write down")
    if not excluded:
        return "a" * shortest
    if shortest == 0 and "" not in excluded:
        return ""
    length = max(shortest, 1)
    if longest == 0:
        return None
    # One of the first n + 1 texts is not among n excluded ones.
    for number in range(len(excluded) + 1):
        text = _numbered(number).rjust(length, "a")
        if text not in excluded and (longest is None or len(text) <= longest):
            return text
    return _wide_text(length, excluded)


def _numbered(number: int) -> str:
    """Return the n-th text over a small alphabet: a, b, ..., z, ba, bb, ..."""
    digits = ""
    while True:
        number, digit = divmod(number, 26)
        digits = chr(97 + digit) + digits
        if number == 0:
            return digits


def _wide_text(length: int, excluded: set[str]) -> str | None:
    """Return a text that uses rare characters: single letters may all be excluded."""
    for code in range(0x21, 0xD800):
        text = chr(code) + "a" * (length - 1)
        if text not in excluded:
            return text
    raise Exhausted("too many texts are excluded")


class _Search:
    """Walks all machines together, one layer for each length."""

    def __init__(
        self, wanted: Sequence[Automaton], unwanted: Sequence[Automaton]
    ) -> None:
        """Set the machines side by side."""
        self.machines = [*wanted, *unwanted]
        self.wanted = len(wanted)
        self.codes = letters(self.machines)
        self.work = 0

    def run(self, shortest: int, longest: int | None) -> str | None:
        """Return the shortest text of the right length."""
        start = tuple(machine.start for machine in self.machines)
        layers: list[_Layer] = [{start: None}]
        seen: set[_Place] = set()
        for length in range(_LONGEST):
            layer = layers[-1]
            if length >= shortest:
                for place in layer:
                    if self._fits(place, at_start=length == 0):
                        return _spelled(layers, place)
                if length == longest:
                    return None
                if length:  # at the very start `$^` may hold, and never again
                    seen.update(layer)
            following = self._after(layer, seen if length + 1 > shortest else set())
            if not following:
                return None
            layers.append(following)
        raise Exhausted("the texts of a pattern are too long")

    def _fits(self, place: _Place, *, at_start: bool) -> bool:
        """Return whether the text may end here."""
        return all(
            machine.accepts(states, at_start=at_start) is (number < self.wanted)
            for number, (machine, states) in enumerate(
                zip(self.machines, place, strict=True)
            )
        )

    def _after(self, layer: _Layer, seen: set[_Place]) -> _Layer:
        """Return the places one character further that were not seen."""
        following: _Layer = {}
        for place in layer:
            self.work += (1 + sum(map(len, place))) * len(self.codes)
            if self.work > _MOST_WORK:
                raise Exhausted("comparing the patterns would take too long")
            for code in self.codes:
                reached = self._one_further(place, code)
                if reached and reached not in seen and reached not in following:
                    following[reached] = (place, code)
        return following

    def _one_further(self, place: _Place, code: int) -> _Place:
        """Return the place after a character; an empty one where no text can fit."""
        reached: list[States] = []
        for machine, states in zip(self.machines, place, strict=True):
            after = machine.step(states, code)
            if not after and len(reached) < self.wanted:
                return ()
            reached.append(after)
        return tuple(reached)


def _spelled(layers: Sequence[_Layer], place: _Place) -> str:
    """Return the text that led to a place of the last layer."""
    codes = []
    for layer in reversed(layers):
        step = layer[place]
        if step is not None:
            place, code = step
            codes.append(code)
    return "".join(map(chr, reversed(codes)))
