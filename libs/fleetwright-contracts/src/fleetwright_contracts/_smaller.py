"""The same witness, said shorter."""

from collections.abc import Callable, Iterator

from fleetwright_contracts._values import Value

_MOST_TRIES = 200
# Of a large value each try costs more, and less can be left out.
_MOST_LOOKS = 2000
# Where there are hundreds of witnesses, nobody reads the last of them.
_ALL_LOOKS = 100_000


class Shortening:
    """Leaves out of witnesses what can be left out."""

    def __init__(self) -> None:
        """Begin with all of the budget."""
        self._left = _ALL_LOOKS

    def smaller(self, value: Value, is_witness: Callable[[Value], bool]) -> Value:
        """Return a witness from which nothing can be left out.

        Args:
            value: A witness.
            is_witness: Tells whether another value is one too.
        """
        size = _size(value)
        left = min(_MOST_TRIES, min(_MOST_LOOKS, self._left) // size)
        again = True
        while again and left > 0:
            again = False
            for candidate in _cuts(value):
                left -= 1
                self._left -= size
                if left <= 0:
                    break
                if is_witness(candidate):
                    value, again = candidate, True
                    break
        return value


def _size(value: Value) -> int:
    """Return how many values there are in a value, itself included."""
    count, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        count += 1
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
    return count


def _cuts(value: Value) -> Iterator[Value]:
    """Yield the value with one thing left out, the largest things first."""
    if isinstance(value, dict):
        for name in value:
            yield {other: item for other, item in value.items() if other != name}
        for name, item in value.items():
            for cut in _cuts(item):
                yield {**value, name: cut}
    elif isinstance(value, list):
        for place in range(len(value)):
            yield value[:place] + value[place + 1 :]
        for place, item in enumerate(value):
            for cut in _cuts(item):
                yield [*value[:place], cut, *value[place + 1 :]]
    elif isinstance(value, str) and len(value) > 1:
        yield value[: len(value) // 2]
        yield value[:-1]
