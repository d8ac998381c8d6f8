"""Where boxes and lines go: layers from left to right, lines around boxes.

The layered drawing of Sugiyama in small: circles are opened by turning an edge round,
boxes stand as far right as what they need allows, an edge over several layers passes
each of them at a place of its own, and layers are sorted to cross few lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

WIDTH = 190.0
GAP_X = 120.0
GAP_Y = 26.0
LANE = 12.0
SWEEPS = 12

Point = tuple[float, float]
_Lane = tuple[int, int]  # number of a line, layer


@dataclass(frozen=True, slots=True)
class Line:
    """An edge to be drawn.

    Attributes:
        source: The box where it begins.
        target: The box where it ends.
        rank: Those of lower rank keep their direction when a circle is opened.
    """

    source: str
    target: str
    rank: int = 0


@dataclass(slots=True)
class Layout:
    """Where everything is.

    Attributes:
        boxes: The upper left corner of each box.
        routes: The points each line goes through, from its source to its target.
        width: How wide all of it is.
        height: How high.
    """

    boxes: dict[str, Point] = field(default_factory=dict)
    routes: list[list[Point]] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def layout(heights: Mapping[str, float], lines: Sequence[Line]) -> Layout:
    """Return where boxes and lines go.

    Args:
        heights: The height of each box.
        lines: The lines between them.
    """
    forward = _forward(lines)
    layer = _layers(heights, forward)
    columns, chains = _columns(heights, forward, layer)
    _sort(columns, chains)
    tops = _tops(columns, chains, heights)
    x = {number: number * (WIDTH + GAP_X) for number in range(len(columns))}
    made = Layout(
        boxes={name: (x[layer[name]], tops[name]) for name in heights},
        width=len(columns) * (WIDTH + GAP_X) - GAP_X if columns else 0.0,
        height=max((tops[name] + heights[name] for name in heights), default=0.0),
    )
    ports = _ports(chains, heights, tops)
    for number, ((begin, end), line) in enumerate(zip(forward, lines, strict=True)):
        points = [(x[layer[begin]] + WIDTH, ports[number, begin])]
        for lane in chains[number][1:-1]:
            at = x[int(lane[1])]
            middle = tops[lane] + LANE / 2
            points += [(at, middle), (at + WIDTH, middle)]
        points.append((x[layer[end]], ports[number, end]))
        made.routes.append(points if begin == line.source else points[::-1])
    return made


def _forward(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """Return the lines' ends, turned round where they would close a circle."""
    ahead: dict[str, set[str]] = {}
    turned: dict[int, tuple[str, str]] = {}
    order = sorted(range(len(lines)), key=lambda number: lines[number].rank)
    for number in order:
        begin, end = lines[number].source, lines[number].target
        if _reaches(end, begin, ahead):
            begin, end = end, begin
        ahead.setdefault(begin, set()).add(end)
        turned[number] = (begin, end)
    return [turned[number] for number in range(len(lines))]


def _reaches(begin: str, end: str, ahead: Mapping[str, set[str]]) -> bool:
    """Return whether one can be come to from another."""
    waiting, seen = [begin], {begin}
    while waiting:
        one = waiting.pop()
        if one == end:
            return True
        for other in ahead.get(one, set()) - seen:
            seen.add(other)
            waiting.append(other)
    return False


def _layers(names: Iterable[str], forward: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the layer of each box: right of all that need it."""
    layer = dict.fromkeys(names, 0)
    for _ in layer:
        for begin, end in forward:
            if begin != end:
                layer[end] = max(layer[end], layer[begin] + 1)
    # Who needs something far to the right stands near it, not at the left edge.
    for _ in layer:
        for name in layer:
            after = [layer[end] for begin, end in forward if begin == name != end]
            before = [layer[begin] for begin, end in forward if end == name != begin]
            if after and not before:
                layer[name] = min(after) - 1
    return layer


def _columns(
    names: Iterable[str],
    forward: Sequence[tuple[str, str]],
    layer: Mapping[str, int],
) -> tuple[list[list[str | _Lane]], list[list[str | _Lane]]]:
    """Return what stands in each layer, and what each line goes through."""
    columns: list[list[str | _Lane]] = [
        [] for _ in range(max(layer.values(), default=-1) + 1)
    ]
    for name in names:
        columns[layer[name]].append(name)
    chains: list[list[str | _Lane]] = []
    for number, (begin, end) in enumerate(forward):
        between: list[str | _Lane] = [
            (number, at) for at in range(layer[begin] + 1, layer[end])
        ]
        for at, lane in enumerate(between, layer[begin] + 1):
            columns[at].append(lane)
        chains.append([begin, *between, end])
    return columns, chains


def _sort(
    columns: Sequence[list[str | _Lane]], chains: Sequence[list[str | _Lane]]
) -> None:
    """Sort each layer by where its neighbours are, to and fro."""
    before: dict[str | _Lane, list[str | _Lane]] = {}
    after: dict[str | _Lane, list[str | _Lane]] = {}
    for chain in chains:
        for one, other in pairwise(chain):
            after.setdefault(one, []).append(other)
            before.setdefault(other, []).append(one)
    for sweep in range(SWEEPS):
        near = after if sweep % 2 else before
        for column in columns[::-1] if sweep % 2 else columns:
            place = {one: at for layer in columns for at, one in enumerate(layer)}
            key = {
                one: _mean([place[other] for other in near.get(one, ())], place[one])
                for one in column
            }
            column.sort(key=key.__getitem__)


def _tops(
    columns: Sequence[Sequence[str | _Lane]],
    chains: Sequence[Sequence[str | _Lane]],
    heights: Mapping[str, float],
) -> dict[str | _Lane, float]:
    """Return how far down each box and lane is: near its neighbours, over no other."""
    near: dict[str | _Lane, list[str | _Lane]] = {}
    for chain in chains:
        for one, other in pairwise(chain):
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    high = {
        one: heights[one] if isinstance(one, str) else LANE
        for column in columns
        for one in column
    }
    tops: dict[str | _Lane, float] = {}
    for column in columns:
        at = 0.0
        for one in column:
            tops[one] = at
            at += high[one] + GAP_Y
    for _ in range(SWEEPS):
        for column in columns:
            middles = {
                one: _mean(
                    [tops[other] + high[other] / 2 for other in near.get(one, ())],
                    tops[one] + high[one] / 2,
                )
                for one in column
            }
            _place(column, middles, high, tops)
    least = min(tops.values(), default=0.0)
    return {one: top - least for one, top in tops.items()}


def _place(
    column: Sequence[str | _Lane],
    middles: Mapping[str | _Lane, float],
    high: Mapping[str | _Lane, float],
    tops: dict[str | _Lane, float],
) -> None:
    """Put a layer's boxes near where they want to be, in their order."""
    at = float("-inf")
    shifts = []
    for one in column:
        wanted = middles[one] - high[one] / 2
        tops[one] = max(wanted, at)
        shifts.append(tops[one] - wanted)
        at = tops[one] + high[one] + GAP_Y
    # Pushed down alone, a layer would sink; half of it goes back up.
    back = sum(shifts) / len(shifts) if shifts else 0.0
    for one in column:
        tops[one] -= back


def _ports(
    chains: Sequence[Sequence[str | _Lane]],
    heights: Mapping[str, float],
    tops: Mapping[str | _Lane, float],
) -> dict[tuple[int, str], float]:
    """Return how far down lines leave and meet their boxes: not all in a point."""
    sides: dict[tuple[str, bool], list[tuple[float, int]]] = {}
    for number, chain in enumerate(chains):
        begin, end = str(chain[0]), str(chain[-1])
        sides.setdefault((begin, True), []).append((tops[chain[1]], number))
        sides.setdefault((end, False), []).append((tops[chain[-2]], number))
    found: dict[tuple[int, str], float] = {}
    for (name, _), lines in sides.items():
        step = heights[name] / (len(lines) + 1)
        for place, (_, number) in enumerate(sorted(lines), 1):
            found[number, name] = tops[name] + place * step
    return found


def _mean(values: Sequence[float], otherwise: float) -> float:
    """Return the mean, or something else where there are no values."""
    return sum(values) / len(values) if values else otherwise
