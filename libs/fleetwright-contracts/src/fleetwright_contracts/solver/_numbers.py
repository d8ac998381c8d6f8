"""Is there a number between bounds, a multiple of some steps and not of others?"""

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

from fleetwright_contracts._values import identity, number_of
from fleetwright_contracts.shapes import Shape
from fleetwright_contracts.shapes._model import AtLeast, AtMost, MultipleOf
from fleetwright_contracts.solver._answers import NOWHERE, Answer, Found, Unsure

_MOST_TRIED = 20_000


def find_number(conditions: Iterable[Shape], excluded: Iterable[float]) -> Answer:
    """Return a number for which all conditions hold.

    Args:
        conditions: Conditions on numbers.
        excluded: Numbers that it is not.
    """
    span = _Span()
    for condition in conditions:
        span.add(condition)
    banned = {identity(number) for number in excluded}
    if span.is_empty:
        return NOWHERE
    if span.step is not None:
        return span.find_multiple(banned)
    return span.find_between(banned)


def least_shared_multiple(one: Fraction, other: Fraction) -> Fraction:
    """Return the least number that is a whole multiple of two.

    Args:
        one: A number above zero.
        other: Another.
    """
    numerator = math.lcm(
        one.numerator * other.denominator, other.numerator * one.denominator
    )
    return Fraction(numerator, one.denominator * other.denominator)


class _Span:
    """Numbers between two bounds.

    Attributes:
        step: They are whole multiples of it; None for any number.
    """

    def __init__(self) -> None:
        """Begin with all numbers."""
        self.low: Fraction | None = None
        self.low_beyond = False
        self.high: Fraction | None = None
        self.high_beyond = False
        self.step: Fraction | None = None
        self.not_steps: list[Fraction] = []

    def add(self, condition: Shape) -> None:
        """Narrow it by a condition."""
        match condition:
            case AtLeast(bound, beyond):
                if self.low is None or (bound, beyond) > (self.low, self.low_beyond):
                    self.low, self.low_beyond = bound, beyond
            case AtMost(bound, beyond):
                if self.high is None or (bound, not beyond) < (
                    self.high,
                    not self.high_beyond,
                ):
                    self.high, self.high_beyond = bound, beyond
            case MultipleOf(step, negative):
                if negative:
                    self.not_steps.append(step)
                else:
                    known = self.step
                    self.step = (
                        step if known is None else least_shared_multiple(known, step)
                    )

    @property
    def is_empty(self) -> bool:
        """Whether the bounds leave nothing between them."""
        if self.low is None or self.high is None:
            return False
        beyond = self.low_beyond or self.high_beyond
        return self.low > self.high or (self.low == self.high and beyond)

    def find_multiple(self, banned: set[object]) -> Answer:
        """Return a multiple of the step that is not ruled out."""
        step = self.step or Fraction(1)
        first = last = None
        if self.low is not None:
            first = math.ceil(self.low / step)
            first += self.low_beyond and first * step == self.low
        if self.high is not None:
            last = math.floor(self.high / step)
            last -= self.high_beyond and last * step == self.high
        # Among as many neighbours as the periods' common multiple each way to be a
        # multiple of the unwanted steps comes once; one more for each banned number.
        periods = [
            least_shared_multiple(step, other) / step for other in self.not_steps
        ]
        if any(period == 1 for period in periods):
            return NOWHERE
        period = math.lcm(*(int(period) for period in periods))
        enough = period + len(banned)
        for tried, count in enumerate(_from_zero(first, last)):
            if tried >= _MOST_TRIED:
                return Unsure("too many multiples would have to be tried")
            # Outward from one place both sides alternate: twice as many are enough.
            if tried > 2 * enough + 2:
                return NOWHERE
            number = count * step
            if identity(number) not in banned and not self._is_unwanted(number):
                return Found(number_of(number))
        return NOWHERE

    def find_between(self, banned: set[object]) -> Answer:
        """Return a number, the plainest one, that is not ruled out."""
        for tried, number in enumerate(self._plain_numbers()):
            if tried > _MOST_TRIED:
                break
            if identity(number) not in banned and not self._is_unwanted(number):
                return Found(number_of(number))
        if self.low is not None and self.low == self.high:
            return NOWHERE
        return Unsure("no number was found between close bounds")

    def _is_unwanted(self, number: Fraction) -> bool:
        """Return whether a number is a multiple of an unwanted step."""
        return any(number % step == 0 for step in self.not_steps)

    def _contains(self, number: Fraction) -> bool:
        """Return whether a number is between the bounds."""
        above = self.low is None or (
            number > self.low or (number == self.low and not self.low_beyond)
        )
        below = self.high is None or (
            number < self.high or (number == self.high and not self.high_beyond)
        )
        return above and below

    def _plain_numbers(self) -> Iterator[Fraction]:
        """Yield numbers between the bounds: few digits first, then ever more."""
        for power in range(16):
            unit = Fraction(1, 10**power)
            low = None if self.low is None else math.ceil(self.low / unit)
            high = None if self.high is None else math.floor(self.high / unit)
            for tried, count in enumerate(_from_zero(low, high)):
                if tried > 60:
                    break
                if self._contains(count * unit):
                    yield count * unit


def _from_zero(first: int | None, last: int | None) -> Iterator[int]:
    """Yield the integers of a span, those nearest to zero first."""
    if first is not None and last is not None and first > last:
        return
    start = 0
    if first is not None and first > 0:
        start = first
    elif last is not None and last < 0:
        start = last
    yield start
    for distance in range(1, 10**9):
        up, down = start + distance, start - distance
        above = last is None or up <= last
        below = first is None or down >= first
        if above:
            yield up
        if below:
            yield down
        if not above and not below:
            return
