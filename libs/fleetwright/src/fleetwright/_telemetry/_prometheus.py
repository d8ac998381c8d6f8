"""Metrics as Prometheus reads them: its text format, version 0.0.4."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fleetwright._telemetry._instruments import Cell, Instrument, Key
from fleetwright._telemetry._meter import Meter

_ODD = re.compile(r"[^a-zA-Z0-9_]")
_UNITS: Final = {"s": "seconds", "By": "bytes", "1": "ratio"}
_TYPES: Final = {"counter": "counter", "sum": "gauge", "gauge": "gauge"}


def exposition(meters: Iterable[Meter], resource: Mapping[str, Any]) -> bytes:
    """Return all metrics as text.

    Args:
        meters: Whose instruments are told.
        resource: What all of them have in common; told as `target_info`.
    """
    lines = ["# TYPE target_info gauge", f"target_info{_labels(resource.items())} 1"]
    for meter in meters:
        for one in tuple(meter.instruments.values()):
            lines += _histogram(one) if one.kind == "histogram" else _numbers(one)
    return ("\n".join(lines) + "\n").encode()


def _name_of(one: Instrument) -> str:
    name = _ODD.sub("_", one.name)
    unit = _UNITS.get(one.unit, "")
    if unit and not name.endswith(unit):
        name = f"{name}_{unit}"
    if one.kind == "counter" and not name.endswith("_total"):
        name = f"{name}_total"
    return name


def _head(one: Instrument, name: str, kind: str) -> Iterator[str]:
    said = one.description.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {said}"
    yield f"# TYPE {name} {kind}"


def _numbers(one: Instrument) -> Iterator[str]:
    numbers = one.numbers()
    if not numbers:
        return
    name = _name_of(one)
    yield from _head(one, name, _TYPES[one.kind])
    for key, number in numbers.items():
        yield f"{name}{_labels(key)} {_text(number)}"


def _histogram(one: Instrument) -> Iterator[str]:
    cells = one.cells()
    if not cells:
        return
    name = _name_of(one)
    yield from _head(one, name, "histogram")
    for key, cell in cells.items():
        yield from _buckets(name, key, cell, one.bounds)


def _buckets(
    name: str, key: Key, cell: Cell, bounds: tuple[float, ...]
) -> Iterator[str]:
    below = 0
    limits = [*(_text(bound) for bound in bounds), "+Inf"]
    for limit, count in zip(limits, cell.counts, strict=True):
        below += count
        yield f"{name}_bucket{_labels((*key, ('le', limit)))} {below}"
    yield f"{name}_sum{_labels(key)} {_text(cell.total)}"
    yield f"{name}_count{_labels(key)} {below}"


def _labels(pairs: Iterable[tuple[str, Any]]) -> str:
    found = []
    for name, value in pairs:
        text = str(value).replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        found.append(f'{_ODD.sub("_", name)}="{text}"')
    return f"{{{','.join(found)}}}" if found else ""


def _text(number: float) -> str:
    return repr(number) if isinstance(number, int) else f"{number:.12g}"
