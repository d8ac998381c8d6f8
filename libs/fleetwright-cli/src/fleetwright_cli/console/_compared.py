"""Two traces, and two runs, side by side."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fleetwright_cli.console._asked import Asked, asked
from fleetwright_cli.console._reader import Durations, now_seconds
from fleetwright_cli.console._schema import SLOT_SECONDS
from fleetwright_cli.console._site import Site
from fleetwright_cli.console._traces import duration_text, trace

MOST_ROWS = 400
MOST_RUNS = 50
MOST_ROUTES = 300
MUCH = 0.2  # of the earlier duration: less is hardly told from chance
LITTLE_MS = 1.0
_SHOWN_MS = 0.05  # less is written as nothing

Key = tuple[str, ...]
Facts = dict[str, Any]


def compare(site: Site, address: Asked) -> Facts:
    """Return two traces with the spans of one place and name in one row."""
    one, other = (
        trace(site, asked({"id": address.text(name)})) for name in ("one", "other")
    )
    if one["trace"] is None or other["trace"] is None:
        return {"one": one["trace"], "other": other["trace"], "rows": []}
    times = [it["trace"]["duration_ms"] for it in (one, other)]
    longest = max(*times, 0.001)
    sides = [_by_place(it["spans"]) for it in (one, other)]
    for side, time in zip(sides, times, strict=True):
        _scale(side.values(), time / longest)
    places = _merged(list(sides[0]), list(sides[1]))
    return {
        "one": one["trace"],
        "other": other["trace"],
        "difference": _difference(*times),
        "axis": [
            {"at": n * 50, "label": duration_text(longest * n / 2)} for n in range(3)
        ],
        "rows": [_row(*(side.get(it) for side in sides)) for it in places[:MOST_ROWS]],
        "left_out": max(0, len(places) - MOST_ROWS)
        + sum(it["of"] - len(it["spans"]) for it in (one, other)),
    }


def _by_place(spans: Sequence[Facts]) -> dict[Key, Facts]:
    """Return spans by where they are: inside what, whose, what, the how manieth."""
    above: list[Key] = []
    seen: Counter[Key] = Counter()
    found = {}
    for span in spans:
        del above[span["depth"] :]
        inside = above[-1] if above else ()
        same = (*inside, f"{span['service']} {span['kind']} {span['name']}")
        seen[same] += 1
        key = (*same, str(seen[same]))
        above.append(key)
        found[key] = span
    return found


def _scale(spans: Iterable[Facts], factor: float) -> None:
    """Draw a trace on the axis of the longer one."""
    for span in spans:
        span["left"] = round(span["left"] * factor, 3)
        span["width"] = round(max(span["width"] * factor, 0.3), 3)


def _merged(one: list[Key], other: list[Key]) -> list[Key]:
    """Return all places as a tree is read; what only the other has, where it has it."""
    found, known, before = list(one), set(one), Key()
    for key in other:
        if key not in known:
            at = found.index(before) + 1 if before else 0
            beside = before[: len(key)]
            # Past what is below the one that it comes after.
            while len(beside) == len(key) and _begins(found, at, beside):
                at += 1
            found.insert(at, key)
        before = key
    return found


def _begins(found: list[Key], at: int, key: Key) -> bool:
    return at < len(found) and found[at][: len(key)] == key


def _row(one: Facts | None, other: Facts | None) -> Facts:
    span = one or other or {}
    difference = None
    if one is not None and other is not None:
        difference = _difference(one["duration_ms"], other["duration_ms"])
    return {
        **{key: span[key] for key in ("service", "colour", "name", "depth")},
        "one": one,
        "other": other,
        "difference": difference,
    }


def _difference(before_ms: float, after_ms: float) -> Facts:
    """Return how much longer it took, and whether that is worth a look."""
    more = after_ms - before_ms
    sign = "" if abs(more) < _SHOWN_MS else "-" if more < 0 else "+"
    is_much = abs(more) >= max(LITTLE_MS, MUCH * before_ms)
    return {
        "ms": round(more, 3),
        "text": f"{sign}{duration_text(abs(more))}",
        "word": ("slower" if more > 0 else "quicker") if is_much else "",
    }


def runs(site: Site, address: Asked) -> Facts:
    """Return the runs that are kept, and two of them route by route."""
    kept = site.reader.rows("select * from run order by id desc limit ?", MOST_RUNS)
    numbers = [row["id"] for row in kept]
    after = _chosen(numbers, address.text("run"), 0)
    before = _chosen(numbers, address.text("before"), numbers.index(after) + 1)
    by_id = {row["id"]: _run(row) for row in kept}
    # A slot that two runs share is the later one's.
    ends = dict(
        zip(numbers[1:], (_first_slot(it) for it in by_id.values()), strict=False)
    )
    found = [
        _routes(site, by_id.get(number), ends.get(number)) for number in (before, after)
    ]
    names = {name: None for side in reversed(found) for name in side}
    return {
        "runs": list(by_id.values()),
        "this": numbers[0],
        "run": after,
        "before": before,
        "routes": [
            {"service": service, "name": name, "colour": site.colour(service)}
            | _change(*(side.get((service, name)) for side in found))
            for service, name in list(names)[:MOST_ROUTES]
        ],
    }


def _chosen(numbers: list[int], text: str, otherwise: int) -> int:
    """Return the run that the address names, or one by its place in the list."""
    if text.isdecimal() and int(text) in numbers:
        return int(text)
    return numbers[otherwise] if otherwise < len(numbers) else 0


def _run(row: Mapping[str, Any]) -> Facts:
    began = row["started_ns"] / 1e9
    ended = row["ended_ns"] / 1e9 if row["ended_ns"] else now_seconds()
    return {
        "id": row["id"],
        "at": began,
        "seconds": round(ended - began, 1),
        "ended": bool(row["ended_ns"]),
    }


def _first_slot(run: Facts) -> int:
    return int(run["at"]) // SLOT_SECONDS * SLOT_SECONDS


def _routes(
    site: Site, run: Facts | None, end: int | None
) -> dict[tuple[str, str], Facts]:
    """Return what each route did in a run, the busiest first."""
    if run is None:
        return {}
    rows = site.reader.rows(
        "select s.name service, c.name, bucket, sum(calls) calls, sum(errors) errors"
        " from call_slot c join service s on s.id = c.service"
        " where slot >= ? and slot <= ? and slot < ? group by 1, 2, 3",
        _first_slot(run),
        int(run["at"] + run["seconds"]),
        end or now_seconds() + SLOT_SECONDS,
    )
    counted: dict[tuple[str, str], Durations] = defaultdict(Durations)
    for row in rows:
        key = (row["service"], row["name"])
        counted[key].add(row["bucket"], row["calls"], row["errors"])
    busiest = sorted(counted.items(), key=lambda it: -it[1].calls)
    return {key: it.facts(run["seconds"]) for key, it in busiest}


def _change(before: Facts | None, after: Facts | None) -> Facts:
    word = ""
    if before and after and None not in (before["p95_ms"], after["p95_ms"]):
        word = _difference(before["p95_ms"], after["p95_ms"])["word"]
    return {"before": before, "after": after, "p95": word}
