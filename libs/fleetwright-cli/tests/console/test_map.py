"""The map of any fleet can be drawn, and no arrow is behind a box."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetwright_cli.console import _charts, _map

NAMES = tuple("abcdefgh")
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)))


@given(EDGES)
def test_every_box_and_arrow_has_a_place(edges: list[tuple[str, str]]) -> None:
    """Also with circles; boxes never overlap, all is inside the picture."""
    placed = _map.layout(NAMES, edges)

    boxes = placed["boxes"]
    for (x, y), (other_x, other_y) in itertools.combinations(boxes.values(), 2):
        apart = abs(x - other_x) >= _map.BOX_WIDTH or abs(y - other_y) >= 50
        assert apart
    assert set(placed["paths"]) == {(a, b) for a, b in edges if a != b}
    assert all(x + _map.BOX_WIDTH <= placed["width"] for x, _ in boxes.values())
    assert all(y + _map.BOX_HEIGHT <= placed["height"] for _, y in boxes.values())


def test_long_arrow_passes_between_boxes() -> None:
    """Over a layer it runs level, above or below every box there."""
    edges = [("a", "b"), ("b", "c"), ("a", "c"), ("a", "d"), ("d", "c")]
    placed = _map.layout(("a", "b", "c", "d"), edges)

    levels = [
        float(y) for y in re.findall(r"L[\d.]+ ([\d.]+)", placed["paths"]["a", "c"])
    ]
    assert levels
    for name in ("b", "d"):
        top = placed["boxes"][name][1]
        assert all(not top <= y <= top + _map.BOX_HEIGHT for y in levels)


def test_three_hundred_services_in_circles_are_placed_soon() -> None:
    """The work grows with the arrows, not with the ways through them."""
    names = [f"s{n}" for n in range(300)]
    edges = [(f"s{n}", f"s{n * 7 % 300}") for n in range(300)]
    edges += [(f"s{n}", f"s{(n + k) % 300}") for n in range(300) for k in (1, 2, 3)]

    assert len(_map.layout(names, edges)["boxes"]) == 300


def test_fleet_without_services_is_a_picture() -> None:
    """An empty one."""
    assert _map.layout((), ())["boxes"] == {}


def test_line_has_a_gap_where_nothing_is() -> None:
    """It is not drawn through."""
    path = _charts.line([1, None, 2, 3], width=90, height=10, top=4)

    assert path.count("M") == 2
    assert _charts.area([], width=1, height=1, top=1) == ""


@pytest.mark.parametrize("largest", (0.0, 0.3, 1.0, 7.0, 99.0, 1e9))
def test_axis_ends_at_a_round_number(largest: float) -> None:
    """At or above every value, and not far above."""
    top = _charts.nice_top([largest, None], 0.1)

    assert largest <= top <= max(2.5 * largest, 0.1)
