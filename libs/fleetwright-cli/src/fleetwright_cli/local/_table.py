"""Processes as a table, and the end of a run as a line."""

from collections.abc import Iterable, Mapping
from typing import TextIO

from fleetwright_cli._printer import paint, table

STATE_COLOURS = {
    "ready": "green",
    "starting": "cyan",
    "waiting": "dim",
    "stopped": "dim",
    "degraded": "yellow",
    "stopping": "yellow",
    "backoff": "yellow",
    "unready": "red",
    "unhealthy": "red",
    "failed": "red",
}
FRONT = "storefront"


def status_table(services: Iterable[Mapping[str, object]], stream: TextIO) -> str:
    """Return one row a process.

    Args:
        services: `Status.facts()` of each.
        stream: Where the table will be written; decides about colour.
    """
    rows = []
    for facts in services:
        state = str(facts["state"])
        pid, restarts = facts["pid"] or "", facts["restarts"]
        reason = facts["reason"] or (
            f"restarted: {facts['restarted_because']}" if restarts else ""
        )
        rows.append(
            (
                str(facts["name"]),
                paint(state, STATE_COLOURS.get(state, "dim"), stream),
                _addresses(facts),
                str(pid),
                str(restarts),
                str(reason),
            )
        )
    head = ("SERVICE", "STATE", "URL", "PID", "RESTARTS", "REASON")
    return table(head, rows)


def _addresses(facts: Mapping[str, object]) -> str:
    """Return where a process answers: its URL, and its port for gRPC if it has one."""
    grpc_url = facts.get("grpc_url")
    port = str(grpc_url).rpartition(":")[2]
    return f"{facts['url']} grpc:{port}" if grpc_url else str(facts["url"])


def front_line(services: Iterable[Mapping[str, object]], stream: TextIO) -> str | None:
    """Return where to look first, once everything takes calls.

    Args:
        services: `Status.facts()` of each.
        stream: Where it will be written.

    Returns:
        The shop's address; None when it does not run or something takes no calls.
    """
    known = list(services)
    if any(facts["state"] not in ("ready", "degraded") for facts in known):
        return None
    for facts in known:
        if facts["service"] == FRONT:
            return f"open {paint(str(facts['url']), 'cyan', stream)}"
    return None


def summary_line(
    seconds: float, services: Iterable[Mapping[str, object]], stream: TextIO
) -> str:
    """Return how a run was, on one line.

    Args:
        seconds: How long it was.
        services: `Status.facts()` of each at the end.
        stream: Where it will be written.
    """
    known = list(services)
    restarts = sum(int(str(facts["restarts"])) for facts in known)
    bad = [
        f"{facts['name']} {facts['exit_code']}"
        for facts in known
        if facts["exit_code"] not in (0, None)
    ]
    codes = paint(", ".join(bad), "red", stream) if bad else "all 0"
    return (
        f"stopped after {lasting(seconds)}, {restarts} "
        f"restart{'' if restarts == 1 else 's'}, exit codes: {codes}"
    )


def lasting(seconds: float) -> str:
    """Return a span of time for people: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
