"""The answers of services about their events, put together and in words."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import table
from fleetwright_cli.local._fault_plan import span_seconds
from fleetwright_cli.local._table import lasting

_LONGEST_ERROR = 60
_NUMBER = re.compile(r"\d+")


def topic_rows(said: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each topic and each group that hears it.

    Args:
        said: What each service answered to `topics`.

    Returns:
        `topic`, `from` (services), `outbox`, `refused`, `to` (a group, or None where
        nobody hears it), `backlog` (None where it is not known), `backlog_of_group`
        (all topics together), `parked`, `dead` and `oldest_seconds`.
    """
    senders: dict[str, list[str]] = {}
    left: dict[str, dict[str, Any]] = {}
    rows: dict[tuple[str, str | None], dict[str, Any]] = {}
    for service, answer in said.items():
        for kind in answer["sends"]:
            names = senders.setdefault(kind["topic"], [])
            names += [] if service in names else [service]
        for row in answer["outbox"]:
            left[row["topic"]] = _added(left.get(row["topic"]), row)
        for group in answer["groups"]:
            rows |= _heard(group, [kind["topic"] for kind in answer["hears"]])
    unheard = (senders.keys() | left.keys()) - {topic for topic, _ in rows}
    rows |= {(topic, None): {"oldest_at": None} for topic in unheard}
    return [
        _row(topic, group, senders.get(topic, []), left.get(topic, {}), row)
        for (topic, group), row in sorted(rows.items(), key=lambda one: _key(one[0]))
    ]


def _key(place: tuple[str, str | None]) -> tuple[str, str]:
    return place[0], place[1] or ""


def _added(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what waits in two outboxes together."""
    if one is None:
        return dict(other)
    return {
        "pending": one["pending"] + other["pending"],
        "refused": one["refused"] + other["refused"],
        "oldest_at": _earliest(one["oldest_at"], other["oldest_at"]),
    }


def _heard(
    group: Mapping[str, Any], topics: Iterable[str]
) -> dict[tuple[str, str | None], dict[str, Any]]:
    """Return what a group has of each topic; of those it no longer hears too."""
    found = {row["topic"]: row for row in group["parked"]}
    behind = group["backlog"] or {"total": None, "topics": None, "oldest_at": {}}
    each, oldest_at = behind["topics"], behind["oldest_at"]
    nothing = {"parked": 0, "dead": 0, "oldest_at": None}
    rows = {topic: found.get(topic, nothing) for topic in {*topics, *found}}
    return {
        (topic, group["group"]): {
            **row,
            "oldest_at": _earliest(row["oldest_at"], oldest_at.get(topic)),
            "backlog": each.get(topic, 0) if each is not None else None,
            "backlog_of_group": behind["total"],
        }
        for topic, row in rows.items()
    }


def _row(
    topic: str,
    group: str | None,
    senders: Sequence[str],
    left: Mapping[str, Any],
    row: Mapping[str, Any],
) -> dict[str, Any]:
    oldest_at = _earliest(left.get("oldest_at"), row["oldest_at"])
    age = None if oldest_at is None else round(max(0.0, time.time() - oldest_at), 1)
    return {
        "topic": topic,
        "from": sorted(senders),
        "outbox": left.get("pending", 0),
        "refused": left.get("refused", 0),
        "to": group,
        "backlog": row.get("backlog"),
        "backlog_of_group": row.get("backlog_of_group"),
        "parked": row.get("parked", 0),
        "dead": row.get("dead", 0),
        "oldest_seconds": age,
    }


def _earliest(one: float | None, other: float | None) -> float | None:
    return min((at for at in (one, other) if at is not None), default=None)


def topic_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return topics as a table.

    Args:
        rows: What `topic_rows` returned.
    """
    head = ("TOPIC", "FROM", "OUTBOX", "TO", "BROKER", "PARKED", "DEAD", "OLDEST")
    cells = [
        (
            row["topic"],
            ", ".join(row["from"]) or "-",
            _outbox(row),
            row["to"] or "-",
            _behind(row),
            str(row["parked"]),
            str(row["dead"]),
            "" if row["oldest_seconds"] is None else lasting(row["oldest_seconds"]),
        )
        for row in rows
    ]
    lines = [table(head, cells)]
    if any(cell[4].endswith("*") for cell in cells):
        lines.append("* all topics of the group together")
    return "\n".join(lines)


def _outbox(row: Mapping[str, Any]) -> str:
    refused = f" + {row['refused']} refused" if row["refused"] else ""
    return f"{row['outbox']}{refused}"


def _behind(row: Mapping[str, Any]) -> str:
    if row["to"] is None:
        return "-"
    if row["backlog"] is not None:
        return str(row["backlog"])
    whole = row["backlog_of_group"]
    return "?" if whole is None else f"{whole}*"


def silent_brokers(said: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return why it is not known how far behind its broker a group is, a line each.

    Args:
        said: What each service answered to `topics`.
    """
    return [
        f"? {group['group']}: {group['backlog_error']}"
        for answer in said.values()
        for group in answer["groups"]
        if group["backlog_error"] is not None
    ]


def stuck_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return stuck events as a table.

    Args:
        rows: What services answered to `parked`, with their names.
    """
    head = ("ID", "SERVICE", "TOPIC", "KEY", "STATE", "TRIED", "NEXT", "BEHIND", "WHY")
    cells = [
        (
            row["id"],
            row["service"],
            row["topic"],
            row["key"] or "",
            row["standing"],
            str(row["attempts"]),
            _next(row["next_at"]),
            str(row["behind"]),
            _short(row["error"] or ""),
        )
        for row in rows
    ]
    return table(head, cells)


def _next(at: str | None) -> str:
    if at is None:
        return ""
    seconds = datetime.fromisoformat(at).timestamp() - time.time()
    return f"in {lasting(seconds)}" if seconds > 0 else "now"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_ERROR else f"{line[: _LONGEST_ERROR - 3]}..."


def replayed_lines(said: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    """Return what came of a replay, a line for each service and outcome.

    Args:
        said: What each service answered to `replay`.
    """
    words = {
        "retried": "tried again",
        "resent": "sent again",
        "handled": "handled before",
    }
    return [
        f"{name}: {len(told[what])} {word}"
        for name, told in said.items()
        for what, word in words.items()
        if told[what]
    ]


def span_words(since: str | None, first: str | None, last: str | None) -> list[str]:
    """Return what the runtime is told of a stretch of what was published.

    Args:
        since: A span of time that ends now, `10m`.
        first: A moment (ISO 8601) or one of the broker's numbers.
        last: The same; both of one kind.

    Raises:
        FleetError: They make no stretch.
    """
    if since is not None:
        if first is not None:
            raise _no_span("`--since` and `--from` both say where it begins")
        first = str(time.time() - span_seconds(since, "--since"))
        return [f"--first={first}", *([f"--last={_moment(last)}"] if last else [])]
    ends = [text for text in (first, last) if text is not None]
    counts = [bool(_NUMBER.fullmatch(text)) for text in ends]
    if any(counts) and not all(counts):
        raise _no_span("`--from` and `--to` are of different kinds")
    words = ["--counts"] if any(counts) else []
    for option, text in (("--first", first), ("--last", last)):
        if text is not None:
            words.append(f"{option}={text if words[:1] else _moment(text)}")
    return words


def _moment(text: str) -> float:
    """Return a moment in seconds since 1970; one without a zone is in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _no_span(f"`{text}` is no moment and no number") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _no_span(what: str) -> FleetError:
    return FleetError(
        what,
        hint="write `--since 10m`, `--from 2026-11-25T08:00:00Z` or `--from 1200 --to"
        " 1300`",
        exit_code=WRONG_ARGUMENTS,
    )
