"""Is there a list whose items are what they must be, and as many as they must be?"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from fleetwright_contracts._values import Value
from fleetwright_contracts.errors import Exhausted
from fleetwright_contracts.shapes import Shape, opposite
from fleetwright_contracts.shapes._model import (
    Distinct,
    Holding,
    ItemAt,
    ItemCount,
    ItemsFrom,
)
from fleetwright_contracts.solver._answers import (
    NOWHERE,
    Answer,
    Found,
    Nowhere,
    Unsure,
)
from fleetwright_contracts.solver._asking import Asking
from fleetwright_contracts.solver._matching import distinct_values

_MOST_ITEMS = 400
_MOST_DIFFERENT = 60
_MOST_COUNTERS = 5
_MOST_STEPS = 20_000
_MOST_PATHS = 200

_Item: TypeAlias = tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class _State:
    """How far a list has come.

    Attributes:
        place: How many items it has, counted up to the last place that matters.
        counts: How many items each counter has seen, as far as that matters.
        first: The earlier of two items that must be equal, once it is passed.
    """

    place: int
    counts: tuple[int, ...]
    first: _Item | None = None


@dataclass(slots=True)
class _Path:
    """The items on the way to a state."""

    state: _State
    items: tuple[_Item, ...]


def find_list(asking: Asking, conditions: Iterable[Shape]) -> Answer:
    """Return a list for which all conditions hold.

    Args:
        asking: Answers questions about single items.
        conditions: Conditions on lists.
    """
    return _Search(asking, list(conditions)).run()


class _Search:
    """The search for one list."""

    def __init__(self, asking: Asking, conditions: list[Shape]) -> None:
        """Sort the conditions."""
        self.asking = asking
        self.shapes = asking.shapes
        self.least = 0
        self.most = math.inf  # a float only where there is no end
        self.at: dict[int, list[Shape]] = {}
        self.rest: list[ItemsFrom] = []
        self.counters: list[Holding] = []
        self.distinct: set[bool] = set()
        for condition in conditions:
            self._note(condition)
        last = max(self.at, default=-1) + 1
        rest = max((one.place for one in self.rest), default=0)
        counted = max((one.place for one in self.counters), default=0)
        self.horizon = max(last, rest, counted)
        self.unsure: Unsure | None = None
        self.work = 0

    def _note(self, condition: Shape) -> None:
        """Sort one condition in."""
        match condition:
            case ItemCount(least, most):
                self.least = max(self.least, least)
                self.most = self.most if most is None else min(self.most, most)
            case ItemAt(place, shape):
                self.at.setdefault(place, []).append(shape)
            case ItemsFrom():
                self.rest.append(condition)
            case Holding(place, shape, _, 0):
                never = opposite(self.shapes, shape)
                self.rest.append(ItemsFrom(place, never))
            case Holding():
                self.counters.append(condition)
            case Distinct(negative):
                self.distinct.add(negative)

    def run(self) -> Answer:
        """Return a list, or that there is none."""
        if len(self.distinct) == 2 or self.least > self.most:
            return NOWHERE
        if max(self.horizon, self.least) > _MOST_ITEMS:
            return self._too_long()
        if len(self.counters) > _MOST_COUNTERS:
            raise Exhausted("too many `contains` meet")
        if any(one.least > _MOST_ITEMS for one in self.counters):
            return self._too_long()
        if True in self.distinct:
            return self._with_equal_items()
        if False in self.distinct:
            return self._with_different_items()
        path = self._shortest(None)
        if path is None:
            return self.unsure or NOWHERE
        return self._written([self._ask(item) for item in path.items])

    def _too_long(self) -> Answer:
        """Say that only long lists could do."""
        return Unsure(f"a list of more than {_MOST_ITEMS} items is too long")

    def _ask(self, parts: Iterable[Shape]) -> Answer:
        """Return an item; remember when nobody knows."""
        answer = self.asking.find(parts)
        if isinstance(answer, Unsure):
            self.unsure = answer
        return answer

    def _written(self, answers: list[Answer]) -> Answer:
        """Return the list of what was found, if all was."""
        values: list[Value] = []
        for answer in answers:
            if not isinstance(answer, Found):
                return answer
            values.append(answer.value)
        return Found(values)

    # -- ways through the list

    def _shortest(self, equal: tuple[int, int] | None) -> _Path | None:
        """Return the shortest way to a list that may end."""
        start = _State(0, (0,) * len(self.counters))
        waiting = deque([_Path(start, ())])
        seen = {start}
        while waiting:
            path = waiting.popleft()
            if self._may_end(path, equal):
                return path
            for following in self._after(path, equal):
                if following.state not in seen:
                    seen.add(following.state)
                    waiting.append(following)
        return None

    def _may_end(self, path: _Path, equal: tuple[int, int] | None) -> bool:
        """Return whether a list may end here."""
        length = len(path.items)
        enough = length >= self.least and (equal is None or length > equal[1])
        return enough and all(
            count >= one.least
            for count, one in zip(path.state.counts, self.counters, strict=True)
        )

    def _after(self, path: _Path, equal: tuple[int, int] | None) -> Iterator[_Path]:
        """Yield the ways that are one item longer."""
        place = len(path.items)
        if place >= self.most:
            return
        cap = max(self.horizon, self.least, 0 if equal is None else equal[1] + 1)
        for item, counts in self._items(place, path.state.counts):
            self.work += 1
            if self.work > _MOST_STEPS:
                raise Exhausted("there are too many ways to make a list")
            first = path.state.first
            asked: Iterable[Shape] = item
            if equal is not None and place == equal[1] and first is not None:
                asked = (*item, *first)
            if isinstance(self._ask(asked), Nowhere):
                continue
            if equal is not None and place == equal[0]:
                first = item
            state = _State(min(place + 1, cap), counts, first)
            yield _Path(state, (*path.items, item))

    def _items(
        self, place: int, counts: tuple[int, ...]
    ) -> Iterator[tuple[_Item, tuple[int, ...]]]:
        """Yield what the item at a place may be, and the counts after it."""
        fixed = list(self.at.get(place, ()))
        fixed += [one.shape for one in self.rest if one.place <= place]
        ways: list[tuple[list[Shape], list[int]]] = [(fixed, [])]
        for counter, count in zip(self.counters, counts, strict=True):
            ways = [
                ([*parts, *more], [*after, number])
                for parts, after in ways
                for more, number in self._counted(counter, count, place)
            ]
        for parts, after in ways:
            yield tuple(dict.fromkeys(parts)), tuple(after)

    def _counted(
        self, counter: Holding, count: int, place: int
    ) -> list[tuple[list[Shape], int]]:
        """Return how an item may change one count."""
        if place < counter.place:
            return [([], count)]
        inside = ([counter.shape], count + 1)
        if counter.most is None:
            # Once there are enough, or for an item that is not needed, it is free.
            return [([], count)] + ([inside] if count < counter.least else [])
        outside = ([opposite(self.shapes, counter.shape)], count)
        return [outside] + ([inside] if count < counter.most else [])

    # -- equal and different items

    def _with_equal_items(self) -> Answer:
        """Return a list with two equal items."""
        last = max(self.horizon, 0) + 2
        for later in range(1, int(min(last, self.most))):
            for earlier in range(later):
                path = self._shortest((earlier, later))
                if path is None:
                    continue
                found = self._with_pair(path, earlier, later)
                if isinstance(found, Found):
                    return found
        return self.unsure or NOWHERE

    def _with_pair(self, path: _Path, earlier: int, later: int) -> Answer:
        """Return the list of a way, with one value at two places."""
        both = (*path.items[earlier], *path.items[later])
        pair = self._ask(both)
        answers = [
            pair if place in (earlier, later) else self._ask(item)
            for place, item in enumerate(path.items)
        ]
        return self._written(answers)

    def _with_different_items(self) -> Answer:
        """Return a list without equal items."""
        start = _State(0, (0,) * len(self.counters))
        limited: Unsure | None = None
        for tried, path in enumerate(self._simple(_Path(start, ()), {start})):
            if tried >= _MOST_PATHS or len(path.items) > _MOST_DIFFERENT:
                limited = Unsure("too many lists without equal items to try")
                break
            found = distinct_values(self.asking, path.items)
            if isinstance(found, Found):
                return found
            if isinstance(found, Unsure):
                limited = found
        return limited or self.unsure or NOWHERE

    def _simple(self, path: _Path, seen: set[_State]) -> Iterator[_Path]:
        """Yield ways that come to no state twice.

        A way with a loop needs no trying: without the items of the loop it is a shorter
        list, whose items differ just as well.
        """
        if self._may_end(path, None):
            yield path
        for following in self._after(path, None):
            if following.state not in seen:
                yield from self._simple(following, seen | {following.state})
