"""Numbers to the paths of drawings."""

import math
from collections.abc import Sequence

# Each is four round steps high.
_TOPS = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10)


def line(
    values: Sequence[float | None], *, width: float, height: float, top: float
) -> str:
    """Return the path of a line; a gap where there is no value.

    Args:
        values: From left to right.
        width: Of the drawing.
        height: Of the drawing.
        top: The value at its upper edge.
    """
    step = width / max(1, len(values) - 1)
    parts, pen_down = [], False
    for number, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        y = height - min(value, top) / (top or 1) * height
        parts.append(f"{'L' if pen_down else 'M'}{number * step:.1f} {y:.1f}")
        pen_down = True
    return " ".join(parts)


def area(values: Sequence[float], *, width: float, height: float, top: float) -> str:
    """Return the path of the area below a line.

    Args:
        values: From left to right.
        width: Of the drawing.
        height: Of the drawing.
        top: The value at its upper edge.
    """
    upper = line(values, width=width, height=height, top=top)
    if not upper:
        return ""
    return f"{upper} L{width:.1f} {height:.1f} L0 {height:.1f} Z"


def nice_top(values: Sequence[float | None], least: float = 1.0) -> float:
    """Return a round number at or above all values.

    Args:
        values: What is to be shown.
        least: The smallest answer.
    """
    largest = max((value for value in values if value is not None), default=0.0)
    largest = max(largest, least)
    unit = 10.0 ** math.floor(math.log10(largest))
    for factor in _TOPS:
        if factor * unit >= largest:
            return factor * unit
    return 10 * unit


def ticks(top: float, count: int = 4) -> list[dict[str, str | float]]:
    """Return labels of an axis from its top to 0, with their places in percent.

    Args:
        top: The value at the upper edge.
        count: How many steps.
    """
    return [
        {"at": round(100 - 100 * n / count, 2), "label": f"{top * n / count:g}"}
        for n in range(count, -1, -1)
    ]
