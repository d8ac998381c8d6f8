"""The state of every process, its traffic, and who calls whom."""

from collections import defaultdict
from typing import Any

from fleetwright_cli.console import _charts, _map
from fleetwright_cli.console._asked import Asked
from fleetwright_cli.console._reader import Durations, now_seconds
from fleetwright_cli.console._schema import SLOT_SECONDS
from fleetwright_cli.console._site import Site

RATE_SECONDS = 60
SPARK_SLOTS = 30
SPARK_WIDTH, SPARK_HEIGHT = 90, 20
MAP_MINUTES = 5
EMBEDDED = "sqlite"  # a file of its service, and no box of the map
EXPORT_SECONDS = 5  # services export in batches
TRAFFIC_SLOTS = 60
CHART_WIDTH, CHART_HEIGHT = 600, 200
BAD_SHARE = 0.01


def resources(site: Site, asked: Asked) -> dict[str, Any]:
    """Return every process: its state, address, traffic and what it takes."""
    measured = _measured(site)
    sparks = _sparks(site)
    rows = []
    for facts in site.statuses:
        name = str(facts["name"])
        service = str(facts["service"])
        usage = site.feed.usage.get(name)
        rows.append(
            {
                **{key: facts[key] for key in _KEPT},
                **measured.get(name, measured.get(service, _NOTHING)),
                "colour": site.colour(service),
                "kind": _kind(site, service),
                "spark": sparks.get(service, ""),
                "cpu": round(usage.cpu[-1], 1) if usage and usage.cpu else None,
                "megabytes": round(usage.megabytes[-1]) if usage else None,
            }
        )
    return {"resources": rows, "counts": _counts(rows)}


_KEPT = ("name", "service", "state", "reason", "url", "grpc_url", "pid", "restarts")
_NOTHING = {"rate": 0.0, "p95_ms": None, "error_share": 0.0, "calls": 0, "errors": 0}


def _kind(site: Site, service: str) -> str:
    """Return which picture a process has."""
    if service not in site.fleet.services:
        return "key"
    if f"{service}.grpc" in site.urls():
        return "grpc"
    return "http"


def _counts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return how many are in which state, the good ones first."""
    states: dict[str, int] = defaultdict(int)
    for row in rows:
        states[row["state"]] += 1
    order = ("ready", "degraded", "starting", "waiting", "backoff", "unready")
    ranked = sorted(
        states, key=lambda it: (order.index(it) if it in order else len(order), it)
    )
    return [{"state": it, "count": states[it], "of": len(rows)} for it in ranked]


def _measured(site: Site) -> dict[str, dict[str, Any]]:
    """Return rate, errors and p95 of each service in the last minute."""
    seconds = min(RATE_SECONDS, max(SLOT_SECONDS, site.feed.report["seconds"]))
    rows = site.reader.rows(
        "select s.name, bucket, sum(calls) calls, sum(errors) errors from call_slot c"
        " join service s on s.id = c.service where slot > ? group by 1, 2",
        now_seconds() - seconds,
    )
    found: dict[str, Durations] = defaultdict(Durations)
    for row in rows:
        found[row["name"]].add(row["bucket"], row["calls"], row["errors"])
    return {name: it.facts(seconds) for name, it in found.items()}


def _slots(count: int) -> list[int]:
    """Return the beginnings of the last whole slots; what is on its way has come."""
    now = int(now_seconds()) - EXPORT_SECONDS
    last = now // SLOT_SECONDS * SLOT_SECONDS - SLOT_SECONDS
    return [last - SLOT_SECONDS * n for n in range(count - 1, -1, -1)]


def _sparks(site: Site) -> dict[str, str]:
    """Return a small line of calls for each service."""
    slots = _slots(SPARK_SLOTS)
    rows = site.reader.rows(
        "select s.name, slot, sum(calls) calls from call_slot c join service s"
        " on s.id = c.service where slot >= ? group by 1, 2",
        slots[0],
    )
    calls: dict[str, dict[int, int]] = defaultdict(dict)
    for row in rows:
        calls[row["name"]][row["slot"]] = row["calls"]
    size = {"width": SPARK_WIDTH, "height": SPARK_HEIGHT - 2}
    return {
        name: _charts.line(
            [by.get(slot, 0) for slot in slots], **size, top=max(by.values()) * 1.1
        )
        for name, by in calls.items()
    }


def traffic(site: Site, asked: Asked) -> dict[str, Any]:
    """Return rate, slow calls and failures of all services, or of one, over time."""
    service = asked.text("service")
    slots = _slots(asked.count("slots", TRAFFIC_SLOTS, 360) or TRAFFIC_SLOTS)
    rows = site.reader.rows(
        "select slot, bucket, sum(calls) calls, sum(errors) errors from call_slot c"
        " join service s on s.id = c.service"
        " where slot >= ? and (? = '' or s.name = ?) group by 1, 2",
        slots[0],
        service,
        service,
    )
    by_slot: dict[int, Durations] = defaultdict(Durations)
    for row in rows:
        by_slot[row["slot"]].add(row["bucket"], row["calls"], row["errors"])
    facts = [by_slot[slot].facts(SLOT_SECONDS) for slot in slots]
    return {
        "slots": slots,
        "rate": [it["rate"] for it in facts],
        "p95_ms": [it["p95_ms"] for it in facts],
        "errors_percent": [round(100 * it["error_share"], 2) for it in facts],
        "minutes": round(len(slots) * SLOT_SECONDS / 60),
        **_drawn(facts, slots),
    }


def _drawn(facts: list[dict[str, Any]], slots: list[int]) -> dict[str, Any]:
    """Return the paths and axes of the traffic chart."""
    rates = [it["rate"] for it in facts]
    slow = [it["p95_ms"] for it in facts]
    errors = [100 * it["error_share"] for it in facts]
    size = {"width": CHART_WIDTH, "height": CHART_HEIGHT}
    top, slow_top = _charts.nice_top(rates), _charts.nice_top(slow, 10.0)
    error_top = _charts.nice_top(errors, 5.0)
    step = max(1, len(slots) // 6)
    return {
        "paths": {
            "rate": _charts.line(rates, **size, top=top),
            "rate_area": _charts.area(rates, **size, top=top),
            "slow": _charts.line(slow, **size, top=slow_top),
            "errors": _charts.line(errors, **size, top=error_top),
            "errors_area": _charts.area(errors, **size, top=error_top),
        },
        "left": _charts.ticks(top),
        "right": _charts.ticks(slow_top),
        "error_top": error_top,
        "below": [
            {"at": round(100 * n / max(1, len(slots) - 1), 2), "seconds": slots[n]}
            for n in range(step // 2, len(slots), step)
        ],
        "busy": any(rates),
    }


def service_map(site: Site, asked: Asked) -> dict[str, Any]:
    """Return the service map: who calls whom, as declared and as seen."""
    minutes = asked.count("minutes", MAP_MINUTES, 1440) or MAP_MINUTES
    seen = {key: it for key, it in _seen(site, minutes).items() if key[1] != EMBEDDED}
    declared = {(one, it) for one, those in site.needs.items() for it in those}
    pairs = sorted(declared | {(one, other) for one, other, _ in seen})
    shown = {str(facts["service"]) for facts in site.statuses} or set(site.needs)
    shown |= {name for one, other, _ in seen for name in (one, other)}
    linked = {name for pair in pairs for name in pair}
    names = sorted(it for it in shown if it in linked or it in site.fleet.services)
    pairs = [pair for pair in pairs if set(pair) <= set(names)]
    placed = _map.layout(names, pairs)
    return {
        "width": placed["width"],
        "height": placed["height"],
        "box": {"width": _map.BOX_WIDTH, "height": _map.BOX_HEIGHT},
        "minutes": minutes,
        "nodes": [_node(site, name, placed["boxes"][name]) for name in names],
        "edges": [
            _edge(
                pair,
                d,
                seen,
                is_declared=pair in declared or _is_told(site, pair, seen),
                minutes=minutes,
            )
            for pair, d in placed["paths"].items()
        ],
    }


def _is_told(
    site: Site, pair: tuple[str, str], seen: dict[tuple[str, str, str], Durations]
) -> bool:
    """Return whether an edge needs no client: what is behind a service, or events."""
    if pair[1] not in site.fleet.services:
        return True
    is_heard = pair in site.heard or not site.heard
    return is_heard and all(kind == "event" for *two, kind in seen if (*two,) == pair)


def _seen(site: Site, minutes: int) -> dict[tuple[str, str, str], Durations]:
    """Return the calls of the last minutes by caller, callee and kind."""
    rows = site.reader.rows(
        "select caller, callee, kind, bucket, sum(calls) calls, sum(errors) errors"
        " from edge_minute where minute > ? group by 1, 2, 3, 4",
        now_seconds() // 60 - minutes,
    )
    found: dict[tuple[str, str, str], Durations] = defaultdict(Durations)
    for row in rows:
        key = (row["caller"], row["callee"], row["kind"])
        found[key].add(row["bucket"], row["calls"], row["errors"])
    return dict(found)


def _node(site: Site, name: str, place: tuple[float, float]) -> dict[str, Any]:
    facts = next((it for it in site.statuses if it["service"] == name), {})
    measured = _measured(site).get(name, _NOTHING)
    return {
        "name": name,
        "x": round(place[0], 1),
        "y": round(place[1], 1),
        "state": facts.get("state", "outside"),
        "colour": site.colour(name),
        **{key: measured[key] for key in ("rate", "p95_ms", "error_share")},
    }


def _edge(
    pair: tuple[str, str],
    d: str,
    seen: dict[tuple[str, str, str], Durations],
    *,
    is_declared: bool,
    minutes: int,
) -> dict[str, Any]:
    kinds = [kind for one, other, kind in seen if (one, other) == pair]
    facts = [seen[(*pair, kind)].facts(minutes * 60) for kind in kinds]
    calls = sum(it["calls"] for it in facts)
    errors = sum(it["errors"] for it in facts)
    share = errors / calls if calls else 0.0
    return {
        "from": pair[0],
        "to": pair[1],
        "d": d,
        "kind": "event" if kinds == ["event"] else "call",
        "declared": is_declared,
        "seen": calls > 0,
        "rate": round(calls / (minutes * 60), 2),
        "p95_ms": max((it["p95_ms"] or 0 for it in facts), default=None),
        "error_share": round(share, 4),
        "bad": share > BAD_SHARE,
    }
