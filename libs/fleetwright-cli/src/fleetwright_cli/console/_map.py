"""Where the boxes and arrows of the service map go: layers, and lanes between boxes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

BOX_WIDTH = 156
BOX_HEIGHT = 50
GAP_X = 54
GAP_Y = 20
LANE_HEIGHT = 14  # what an arrow takes where it passes a layer between two boxes
MARGIN = 14
ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Placed:
    """Where something is.

    Attributes:
        x: Its left edge.
        y: Its upper edge.
        height: How high it is: a box, or a lane.
    """

    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        """Where arrows meet it."""
        return self.y + self.height / 2


def layout(names: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the places of boxes and the paths of arrows.

    An arrow over several layers has a lane of its own in each that it passes: it is
    never behind a box.

    Args:
        names: The boxes.
        edges: From and to; both among the names.

    Returns:
        `width`, `height`, `boxes` (name to x and y) and `paths` (from and to, to d).
    """
    pairs = sorted({(one, other) for one, other in edges if one != other})
    layers = _layers(names, pairs)
    chains = {pair: _chain(pair, layers) for pair in pairs}
    columns = _columns(names, layers, chains)
    _untangle(columns, chains)
    places = _places(columns)
    height = max((p.y + p.height for p in places.values()), default=0) + MARGIN
    width = MARGIN * 2 + len(columns) * (BOX_WIDTH + GAP_X) - GAP_X
    return {
        "width": max(width, BOX_WIDTH),
        "height": height,
        "boxes": {name: (places[name].x, places[name].y) for name in names},
        "paths": {pair: _path(chain, places) for pair, chain in chains.items()},
    }


def _layers(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the layer of each box: one after those that call it; cycles are cut."""
    called = {other for _, other in pairs}
    outgoing: dict[str, list[str]] = {name: [] for name in names}
    for one, other in pairs:
        outgoing[one].append(other)
    done: list[str] = []
    entered: set[str] = set()
    forward: set[tuple[str, str]] = set()

    def visit(name: str, above: frozenset[str]) -> None:
        entered.add(name)
        for other in outgoing[name]:
            if other not in above:
                forward.add((name, other))
                if other not in entered:
                    visit(other, above | {other})
        done.append(name)

    for name in sorted(names, key=lambda it: (it in called, it)):
        if name not in entered:
            visit(name, frozenset({name}))
    layers = dict.fromkeys(names, 0)
    for name in reversed(done):
        for other in outgoing[name]:
            if (name, other) in forward:
                layers[other] = max(layers[other], layers[name] + 1)
    return layers


def _chain(pair: tuple[str, str], layers: Mapping[str, int]) -> list[str]:
    """Return the names that an arrow goes through: its ends and its lanes."""
    one, other = pair
    step = 1 if layers[other] > layers[one] else -1
    passed = range(layers[one] + step, layers[other], step)
    return [one, *(f"{one}>{other}@{layer}" for layer in passed), other]


def _columns(
    names: Sequence[str],
    layers: Mapping[str, int],
    chains: Mapping[tuple[str, str], Sequence[str]],
) -> list[list[str]]:
    count = max(layers.values(), default=0) + 1
    columns: list[list[str]] = [[] for _ in range(count)]
    for name in names:
        columns[layers[name]].append(name)
    for chain in chains.values():
        for lane in chain[1:-1]:
            columns[int(lane.rpartition("@")[2])].append(lane)
    return columns


def _untangle(
    columns: list[list[str]], chains: Mapping[tuple[str, str], Sequence[str]]
) -> None:
    """Order each layer by where its neighbours are, to and fro."""
    neighbours: dict[str, list[str]] = {}
    for chain in chains.values():
        for one, other in pairwise(chain):
            neighbours.setdefault(one, []).append(other)
            neighbours.setdefault(other, []).append(one)
    for number in range(ROUNDS):
        order = (
            range(len(columns)) if number % 2 == 0 else reversed(range(len(columns)))
        )
        for index in order:
            beside = columns[index - 1] if number % 2 == 0 and index else None
            if number % 2 and index + 1 < len(columns):
                beside = columns[index + 1]
            if beside is not None:
                _sort(columns[index], beside, neighbours)


def _sort(
    column: list[str], beside: Sequence[str], neighbours: Mapping[str, Sequence[str]]
) -> None:
    share = {name: (n + 0.5) / len(beside) for n, name in enumerate(beside)}
    own = {name: (n + 0.5) / len(column) for n, name in enumerate(column)}

    def wish(name: str) -> float:
        found = [share[it] for it in neighbours.get(name, ()) if it in share]
        return sum(found) / len(found) if found else own[name]

    column.sort(key=wish)


def _places(columns: Sequence[Sequence[str]]) -> dict[str, Placed]:
    """Return where each box and lane is; every layer is centred."""
    heights = [
        [LANE_HEIGHT if "@" in name else BOX_HEIGHT for name in column]
        for column in columns
    ]
    tallest = max(sum(those) + GAP_Y * (len(those) - 1) for those in heights)
    places = {}
    for number, (column, those) in enumerate(zip(columns, heights, strict=True)):
        y = MARGIN + (tallest - sum(those) - GAP_Y * (len(those) - 1)) / 2
        for name, height in zip(column, those, strict=True):
            places[name] = Placed(MARGIN + number * (BOX_WIDTH + GAP_X), y, height)
            y += height + GAP_Y
    return places


def _path(chain: Sequence[str], places: Mapping[str, Placed]) -> str:
    """Return the path of an arrow from the side of one box to that of another."""
    forward = places[chain[-1]].x > places[chain[0]].x
    start = places[chain[0]]
    x = start.x + BOX_WIDTH if forward else start.x
    if places[chain[-1]].x == start.x:
        return _beside(start, places[chain[-1]])
    parts = [f"M{x:.0f} {start.middle:.0f}"]
    y = start.middle
    for name in chain[1:]:
        place = places[name]
        near, far = place.x, place.x + BOX_WIDTH
        to_x = near if forward else far
        is_end = name == chain[-1]
        tip = to_x + (-6 if forward else 6) if is_end else to_x
        bend = (to_x - x) / 2
        parts.append(
            f"C{x + bend:.0f} {y:.0f} {to_x - bend:.0f} {place.middle:.0f}"
            f" {tip:.0f} {place.middle:.0f}"
        )
        x, y = (far if forward else near), place.middle
        if not is_end:
            parts.append(f"L{x:.0f} {y:.0f}")
    return " ".join(parts)


def _beside(one: Placed, other: Placed) -> str:
    """Return the path between two boxes of one layer, around their right sides."""
    x = one.x + BOX_WIDTH
    return (
        f"M{x:.0f} {one.middle:.0f} C{x + 40:.0f} {one.middle:.0f}"
        f" {x + 40:.0f} {other.middle:.0f} {x + 6:.0f} {other.middle:.0f}"
    )
