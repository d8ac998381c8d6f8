"""One process, one span, and the metrics of all services."""

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

from fleetwright_cli.console import _charts, _otlp
from fleetwright_cli.console._asked import Asked
from fleetwright_cli.console._captured import one
from fleetwright_cli.console._masks import masked
from fleetwright_cli.console._overview import resources
from fleetwright_cli.console._reader import Durations, now_seconds
from fleetwright_cli.console._schema import SLOT_SECONDS
from fleetwright_cli.console._site import Site
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._log_levels import LEVELS, LogLevel, levels
from fleetwright_cli.local._plan import assigned

SHOWN_EVENTS = 50
SHOWN_POINTS = 120
FIRST_METRIC = "http.server.request.duration"  # what is looked at most
MOST_SERIES = 24
ROUTE_MINUTES = 15
CHART_WIDTH, CHART_HEIGHT = 300, 70
MOST_SECONDS = 86_400


def resource(site: Site, asked: Asked) -> dict[str, Any]:
    """Return one process: how it is, what it was, what it is given."""
    name = asked.text("name")
    rows = resources(site, asked)["resources"]
    found = next((row for row in rows if row["name"] == name), None)
    facts = next((it for it in site.statuses if it["name"] == name), {})
    events = site.reader.rows(
        "select at_ns, state, reason, run from event where resource = ?"
        " order by id desc limit ?",
        name,
        SHOWN_EVENTS,
    )
    service = str(facts.get("service", name))
    return {
        "name": name,
        "resource": found,
        "facts": {
            key: masked(key, value) for key, value in facts.items() if value is not None
        },
        "events": [event | {"at": event["at_ns"] / 1e9} for event in _turns(events)],
        "runs": _runs(site, service),
        "calls": site.needs.get(service, ()),
        "called_by": [it for it, those in site.needs.items() if service in those],
        "can_command": found is not None and service in site.fleet.services,
    }


def _turns(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest first, without those that say what the one before them said."""
    said = ("state", "reason", "run")
    return [
        event
        for event, before in zip(events, [*events[1:], {}], strict=False)
        if any(event[name] != before.get(name) for name in said)
    ]


def _runs(site: Site, service: str) -> list[dict[str, Any]]:
    """Return what a service did in this run and in the one before."""
    runs = site.reader.rows("select * from run order by id desc limit 2")
    found = []
    for run in runs:
        until_ns = run["ended_ns"] or int(now_seconds() * 1e9)
        rows = site.reader.rows(
            "select bucket, sum(calls) calls, sum(errors) errors from call_slot c"
            " join service s on s.id = c.service"
            " where s.name = ? and slot between ? and ? group by 1",
            service,
            run["started_ns"] // 1_000_000_000 - SLOT_SECONDS,
            until_ns // 1_000_000_000,
        )
        counted = Durations()
        for row in rows:
            counted.add(row["bucket"], row["calls"], row["errors"])
        seconds = (until_ns - run["started_ns"]) / 1e9
        found.append({"run": run["id"], "seconds": seconds} | counted.facts(seconds))
    return found


def settings(site: Site, asked: Asked) -> dict[str, Any]:
    """Return the settings of a process, where each is from, and secrets masked."""
    name = asked.text("name")
    reply = ask(site.places.run, "launches", services=[name]) or {"launches": []}
    launches = [it for it in reply["launches"] if it["name"] == name]
    if not launches:
        return {"settings": []}
    service = str(launches[0]["service"])
    known = site.fleet.services.get(service)
    up = site.fleet.manifest.up.services.get(service)
    dotenv = assigned(known.folder / ".env") if known else set()
    manifest = set(up.environment) if up else set()
    rows = []
    for key, value in sorted(launches[0]["environment"].items()):
        source = "fleet up" if key in _GIVEN else "environment"
        source = "fleet.toml" if key in manifest else source
        if source != "environment" or key.startswith(_OWN):
            text = masked(key, str(value))
            text = "***" if key.startswith("OTEL_EXPORTER_OTLP_HEADERS") else text
            rows.append({"name": key, "value": text, "source": source})
    rows += [{"name": key, "value": "", "source": ".env"} for key in sorted(dotenv)]
    return {"settings": rows}


_GIVEN = frozenset(
    {
        *("LOG_FORMAT", "ENVIRONMENT", "DATABASE_URL", "BROKER_URL", "AUTH_ISSUER"),
        *("AUTH_JWKS_URL", "TOKEN_URL", "TOKEN_CLIENT_SECRET", "AUTH_CALLERS", "HOST"),
        *("PORT", "GRPC_PORT", "FLEET_MAP", "FLEET_FAULTS", "PYTHONPATH"),
        "FLEET_LOG_LEVELS",
        *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"),
        *("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_LOGS_EXPORTER"),
    }
)
_OWN = ("OTEL_", "LOG_", "AUTH_", "FLEET_", "BROKER_", "DATABASE_")


def level(site: Site, asked: Asked) -> dict[str, Any]:
    """Return at which level a process logs, as it says itself."""
    own = [it for it in site.statuses if it["name"] == asked.text("name")]
    found = levels(own)
    return {"levels": LEVELS, **(found[0] if found else LogLevel("", "")).facts()}


def span(site: Site, asked: Asked) -> dict[str, Any]:
    """Return one span with all that it says."""
    try:
        id, trace = bytes.fromhex(asked.text("span")), bytes.fromhex(asked.text("id"))
    except ValueError:
        return {"span": None}
    row = site.reader.one(
        "select * from span where trace_id = ? and span_id = ?", trace, id
    )
    if not row:
        return {"span": None}
    service = site.reader.services().get(row["service"], "?")
    kinds = ("", "internal", "server", "client", "producer", "consumer")
    kind = kinds[row["kind"]] if 0 <= row["kind"] < len(kinds) else ""
    return {
        "span": {
            "id": id.hex(),
            "trace": trace.hex(),
            "name": row["name"],
            "service": service,
            "colour": site.colour(service),
            "kind": kind,
            "duration_ms": round(row["duration_ns"] / 1e6, 3),
            "at": row["start_ns"] / 1e9,
            "captured": (one(site, asked) or {"id": 0})["id"],
            **_otlp.details(row["raw"]),
        }
    }


def routes(site: Site, asked: Asked) -> dict[str, Any]:
    """Return rate, failures and durations of every route."""
    minutes = asked.count("minutes", ROUTE_MINUTES, 1440) or ROUTE_MINUTES
    service = asked.text("service")
    rows = site.reader.rows(
        "select s.name service, c.name, bucket, sum(calls) calls, sum(errors) errors"
        " from call_slot c join service s on s.id = c.service"
        " where slot > ? and (? = '' or s.name = ?) group by 1, 2, 3",
        now_seconds() - minutes * 60,
        service,
        service,
    )
    found: dict[tuple[str, str], Durations] = defaultdict(Durations)
    for row in rows:
        key = (row["service"], row["name"])
        found[key].add(row["bucket"], row["calls"], row["errors"])
    listed: list[dict[str, Any]] = [
        {"service": one, "name": name, "colour": site.colour(one)}
        | counted.facts(minutes * 60)
        for (one, name), counted in found.items()
    ]
    return {
        "routes": sorted(listed, key=_busiest)[:200],
        "minutes": minutes,
    }


def _busiest(row: dict[str, Any]) -> int:
    return -int(row["calls"])


def metrics(site: Site, asked: Asked) -> dict[str, Any]:
    """Return the series of the metric that is asked for, each with its last points."""
    names = site.reader.rows(
        "select m.name, m.unit, m.kind, count(*) series from metric_series m"
        " group by 1 order by 1"
    )
    known = [it["name"] for it in names]
    usual = FIRST_METRIC if FIRST_METRIC in known else next(iter(known), "")
    wanted = asked.text("metric") or usual
    service = asked.text("service")
    found = site.reader.rows(
        "select m.id, m.kind, m.unit, m.attributes, s.name service"
        " from metric_series m join service s on s.id = m.service"
        " where m.name = ? and (? = '' or s.name = ?) limit ?",
        wanted,
        service,
        service,
        MOST_SERIES,
    )
    return {
        "names": names,
        "metric": wanted,
        "series": [_series(site, row) for row in found],
    }


def _series(site: Site, row: dict[str, Any]) -> dict[str, Any]:
    """Return one series drawn: sums as what was added between two points."""
    points = site.reader.rows(
        "select at_ns, value, count from metric_point where series = ?"
        " order by at_ns desc limit ?",
        row["id"],
        SHOWN_POINTS,
    )[::-1]
    values = [_value(it, row["kind"]) for it in points]
    if row["kind"] != "gauge":
        values = [max(0.0, b - a) for a, b in pairwise(values)]
    top = _charts.nice_top(values, 1e-3)
    size = {"width": CHART_WIDTH, "height": CHART_HEIGHT}
    return {
        "service": row["service"],
        "colour": site.colour(row["service"]),
        "kind": row["kind"],
        "unit": row["unit"],
        "attributes": json.loads(row["attributes"] or "{}"),
        "latest": values[-1] if values else None,
        "largest": max(values, default=0.0),
        "path": _charts.line(values, **size, top=top),
        "points": len(points),
    }


def _value(point: dict[str, Any], kind: str) -> float:
    return float(point["count"] or 0) if kind == "histogram" else float(point["value"])
