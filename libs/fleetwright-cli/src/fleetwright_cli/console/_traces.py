"""Traces: found by their summaries, one shown as a waterfall with its lines."""

from typing import Any

from fleetwright_cli.console._asked import MOST, Asked
from fleetwright_cli.console._logs import fields_of
from fleetwright_cli.console._reader import now_seconds
from fleetwright_cli.console._rows import FAILED
from fleetwright_cli.console._site import Site
from fleetwright_cli.console._writing import MOST_SERVICES

SHOWN = 50  # what a screen holds: more of them delay the first paint
WINDOW = 300  # rows of a waterfall at once
MOST_SPANS = 20_000
MOST_LINES = 500
DEEPEST = 12  # further in is not moved further right


def traces(site: Site, asked: Asked) -> dict[str, Any]:
    """Return the newest traces that the address asks for."""
    names = site.reader.services()
    numbers = {name: number for number, name in names.items()}
    sql, values = ["1"], list[object]()
    wanted = [numbers[name] for name in asked.many("service") if name in numbers]
    if asked.many("service"):
        mask = 0
        for number in wanted:
            mask |= 1 << min(number, MOST_SERVICES)
        sql.append("services & ? <> 0")
        values.append(mask)
    if asked.text("q"):
        sql.append("instr(lower(coalesce(root_name, '')), lower(?)) > 0")
        values.append(asked.text("q"))
    if asked.text("failed"):
        sql.append("errors > 0")
    if asked.number("slower", 0):
        sql.append("end_ns - start_ns >= ?")
        values.append(asked.number("slower", 0) * 1e6)
    if asked.number("since", 0):
        sql.append("start_ns >= ?")
        values.append(int((now_seconds() - asked.number("since", 0)) * 1e9))
    limit = asked.count("limit", SHOWN) or SHOWN
    rows = site.reader.rows(
        f"select * from trace where {' and '.join(sql)}"  # noqa: S608 - our own words
        " order by start_ns desc limit ?",
        *values,
        limit,
    )
    colours = colours_of(site, names)
    found = [_summary(row, names, colours) for row in rows]
    more = min(4 * limit, MOST) if len(found) == limit < MOST else 0
    return {"traces": found, "dots": _dots(found), "more": more}


def colours_of(site: Site, names: dict[int, str]) -> dict[str, int]:
    """Return the colour of each service.

    Args:
        site: Whose colours.
        names: Of services, by their numbers.
    """
    return {name: site.colour(name) for name in names.values()}


def _summary(
    row: dict[str, Any], names: dict[int, str], colours: dict[str, int]
) -> dict[str, Any]:
    """Return a trace as it is listed."""
    root = names.get(row["root_service"] or 0, "")
    those = [name for number, name in names.items() if row["services"] >> number & 1]
    return {
        "id": row["trace_id"].hex(),
        "name": row["root_name"] or "(its first span has not come)",
        "service": root,
        "colour": colours.get(root, 0),
        "at": row["start_ns"] / 1e9,
        "duration_ms": round((row["end_ns"] - row["start_ns"]) / 1e6, 2),
        "answered_ms": None if row["root_ns"] is None else row["root_ns"] / 1e6,
        "spans": row["spans"],
        "errors": row["errors"],
        "services": [{"name": name, "colour": colours[name]} for name in those],
    }


def _dots(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return where each trace is in the picture of durations over time."""
    if not found:
        return []
    first = min(it["at"] for it in found)
    span = max(it["at"] for it in found) - first or 1.0
    slowest = max(it["duration_ms"] for it in found) or 1.0
    return [
        {
            "id": it["id"],
            "x": round(1 + 98 * (it["at"] - first) / span, 2),
            "y": round(94 - 86 * it["duration_ms"] / slowest, 2),
            "failed": it["errors"] > 0,
            "title": f"{it['name']}, {it['duration_ms']:g} ms",
        }
        for it in found
    ]


def last_failing(site: Site, asked: Asked) -> dict[str, Any]:
    """Return the newest failed trace, or the newest at all while none has failed."""
    by = "select trace_id from trace {} order by start_ns desc limit 1"
    row = site.reader.one(by.format("where errors > 0")) or site.reader.one(
        by.format("where root_name is not null")
    )
    if not row:
        return {"trace": None}
    return _trace(site, row["trace_id"], first=0, most=14)


def trace(site: Site, asked: Asked) -> dict[str, Any]:
    """Return one trace with its lines."""
    try:
        id = bytes.fromhex(asked.text("id"))
    except ValueError:
        return {"trace": None}
    return _trace(site, id, first=asked.count("from", 0, MOST_SPANS), most=WINDOW)


def _trace(site: Site, id: bytes, *, first: int, most: int) -> dict[str, Any]:
    summary = site.reader.one("select * from trace where trace_id = ?", id)
    if not summary:
        return {"trace": None}
    names = site.reader.services()
    spans = site.reader.rows(
        "select id, span_id, parent_id, service, name, kind, start_ns, duration_ns,"
        " status from span where trace_id = ? order by start_ns, id limit ?",
        id,
        MOST_SPANS,
    )
    ordered = _ordered(spans)
    start = summary["start_ns"]
    length = max(1, summary["end_ns"] - start)
    critical = _critical(spans)
    shown = []
    for span, depth in ordered[first : first + most]:
        service = names.get(span["service"], "?")
        shown.append(
            {
                "service": service,
                "colour": site.colour(service),
                "depth": min(depth, DEEPEST),
                "critical": span["span_id"] in critical,
                **_bar(span, start, length),
            }
        )
    lines = _lines(site, id, {bar["id"] for bar in shown}, start)
    return {
        "trace": _summary(summary, names, colours_of(site, names)),
        "spans": [bar | {"lines": lines.get(bar["id"], [])} for bar in shown],
        "from": first,
        "until": first + len(shown),
        "of": len(ordered),
        "window": most,
        "axis": [
            {"at": n * 25, "label": duration_text(length / 1e6 * n / 4)}
            for n in range(5)
        ],
        "lines": lines.get("", []),
    }


def _lines(
    site: Site, id: bytes, spans: set[str], start: int
) -> dict[str, list[dict[str, Any]]]:
    """Return the lines of a trace by span; under no name those of no span shown."""
    names = site.reader.services()
    rows = site.reader.rows(
        "select at_ns, service, level, event, fields, span_id from log"
        " where trace_id = ? order by at_ns, id limit ?",
        id.hex(),
        MOST_LINES,
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        span = row["span_id"] if row["span_id"] in spans else ""
        found.setdefault(span, []).append(_line(row, names, start))
    return found


def _ordered(spans: list[dict[str, Any]]) -> list[tuple[dict[str, Any], int]]:
    """Return the spans as a tree is read, each with its depth; orphans are roots."""
    known = {span["span_id"] for span in spans}
    children: dict[bytes, list[dict[str, Any]]] = {}
    roots = []
    for span in spans:
        parent = span["parent_id"]
        if parent in known and parent != span["span_id"]:
            children.setdefault(parent, []).append(span)
        else:
            roots.append(span)
    found: list[tuple[dict[str, Any], int]] = []
    ahead = [(span, 0) for span in reversed(roots)]
    seen: set[int] = set()
    while ahead:
        span, depth = ahead.pop()
        if span["id"] in seen:
            continue
        seen.add(span["id"])
        found.append((span, depth))
        those = children.get(span["span_id"], [])
        ahead += [(child, depth + 1) for child in reversed(those)]
    # A circle of parents has no root: nothing of it is to be lost.
    return found + [(span, 0) for span in spans if span["id"] not in seen]


def _critical(spans: list[dict[str, Any]]) -> set[bytes]:
    """Return the spans that the trace's end waited for: the last to end, inwards."""
    children: dict[bytes, list[dict[str, Any]]] = {}
    for span in spans:
        children.setdefault(span["parent_id"], []).append(span)
    found: set[bytes] = set()
    roots = [span for span in spans if not span["parent_id"]] or spans
    here = max(roots, key=lambda it: it["duration_ns"], default=None)
    ahead = [] if here is None else [here]
    while ahead:
        here = ahead.pop()
        if here["span_id"] in found:
            continue
        found.add(here["span_id"])
        end = here["start_ns"] + here["duration_ns"]
        inner = children.get(here["span_id"], [])
        # Backwards from the end: who ended last before what began after it.
        for span in sorted(inner, key=lambda it: -it["start_ns"] - it["duration_ns"]):
            if span["start_ns"] + span["duration_ns"] <= end + 1_000_000:
                ahead.append(span)
                end = span["start_ns"]
    return found


def _bar(span: dict[str, Any], start: int, length: int) -> dict[str, Any]:
    """Return a span as a row of the waterfall, places in percent."""
    left = 100 * max(0, span["start_ns"] - start) / length
    width = 100 * span["duration_ns"] / length
    return {
        "id": span["span_id"].hex(),
        "name": span["name"],
        "kind": span["kind"],
        "left": round(min(left, 100), 3),
        "width": round(max(min(width, 100 - left), 0.3), 3),
        "duration": duration_text(span["duration_ns"] / 1e6),
        "duration_ms": round(span["duration_ns"] / 1e6, 3),
        "failed": span["status"] == FAILED,
    }


def _line(row: dict[str, Any], names: dict[int, str], start: int) -> dict[str, Any]:
    return {
        "after": duration_text((row["at_ns"] - start) / 1e6),
        "service": names.get(row["service"], "?"),
        "level": row["level"],
        "event": row["event"],
        "fields": fields_of(row["fields"]),
    }


def duration_text(milliseconds: float) -> str:
    """Return a duration for people: `0.4 ms`, `12 ms`, `1.3 s`.

    Args:
        milliseconds: How long.
    """
    if abs(milliseconds) < 10:
        return f"{milliseconds:.1f} ms".replace(".0 ", " ")
    if abs(milliseconds) < 1_000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1_000:.2f} s"
