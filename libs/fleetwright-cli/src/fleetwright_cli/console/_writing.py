"""Rows to tables: one transaction a batch, summaries kept beside."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence

from fleetwright_cli.console._edges import Call, Edges
from fleetwright_cli.console._rows import (
    FAILED,
    INCOMING,
    EventRow,
    LogRow,
    PlaceRow,
    PointRow,
    Row,
    SpanRow,
    bucket_of,
)
from fleetwright_cli.console._schema import SLOT_SECONDS

MOST_SERVICES = 62  # a trace has its services as bits; the last bit is all the others
_INTO_SPAN = """insert into span(trace_id, span_id, parent_id, service, name, kind,
 start_ns, duration_ns, status, raw) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INTO_TRACE = """insert into trace values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
 on conflict(trace_id) do update set start_ns = min(start_ns, excluded.start_ns),
 end_ns = max(end_ns, excluded.end_ns), spans = spans + excluded.spans,
 errors = errors + excluded.errors, services = services | excluded.services,
 root_service = coalesce(excluded.root_service, root_service),
 root_name = coalesce(excluded.root_name, root_name),
 root_ns = coalesce(excluded.root_ns, root_ns)"""
_COUNTED = """ values (?, ?, ?, ?, ?, ?{more}) on conflict do update set
 calls = calls + excluded.calls, errors = errors + excluded.errors"""
_INTO_CALLS = "insert into call_slot" + _COUNTED.format(more="")
_INTO_EDGES = "insert into edge_minute" + _COUNTED.format(more=", ?")
_INTO_LOG = """insert into log(id, run, at_ns, service, level, event, fields,
 trace_id, span_id) values (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_INTO_POINT = "insert or replace into metric_point values (?, ?, ?, ?, ?)"
_INTO_RESOURCE = """insert into resource values (?, ?, ?) on conflict(name)
 do update set run = excluded.run, facts = excluded.facts"""
_INTO_PLACE = "insert or replace into read_so_far values (?, ?, ?, ?)"
_INTO_EVENT = """insert into event(run, at_ns, resource, state, reason, facts)
 values (?, ?, ?, ?, ?, ?)"""


class Writing:
    """Writes batches on one connection; used by one thread."""

    def __init__(self, connection: sqlite3.Connection, run: int) -> None:
        """Keep the connection and learn the numbers given so far.

        Args:
            connection: Whose transactions are ours.
            run: The run that rows belong to.
        """
        self._on = connection
        self._run = run
        self._edges = Edges()
        self._services = dict(connection.execute("select name, id from service"))
        self._series: dict[tuple[int, str, str], int] = {}
        newest = connection.execute("select coalesce(max(id), 0) from log").fetchone()
        self._last_log = int(newest[0])

    def batch(self, rows: Sequence[Row]) -> set[str]:
        """Write rows in one transaction.

        Args:
            rows: Of any kind, in the order in which they came.

        Returns:
            The kinds among them: `spans`, `logs`, `metrics`, `resources`, `places`.

        Raises:
            sqlite3.Error: They could not be written; none of them is.
        """
        writers = {
            SpanRow: ("spans", self._write_spans),
            LogRow: ("logs", self._write_logs),
            PointRow: ("metrics", self._write_points),
            EventRow: ("resources", self._write_events),
            PlaceRow: ("places", self._write_places),
        }
        sorted_rows: dict[type, list[Row]] = {}
        for row in rows:
            sorted_rows.setdefault(type(row), []).append(row)
        self._on.execute("begin immediate")
        try:
            for kind, some in sorted_rows.items():
                writers[kind][1](some)  # type: ignore[operator] # by type
            self._on.execute("commit")
        except BaseException:
            self._on.execute("rollback")
            self._services = dict(self._on.execute("select name, id from service"))
            self._series.clear()
            raise
        return {writers[kind][0] for kind in sorted_rows}

    def _service(self, name: str) -> int:
        """Return the number of a service."""
        number = self._services.get(name)
        if number is None:
            done = self._on.execute("insert into service(name) values (?)", (name,))
            number = self._services[name] = int(done.lastrowid or 0)
        return number

    def _write_spans(self, spans: Sequence[SpanRow]) -> None:
        number = self._service
        self._on.executemany(
            _INTO_SPAN,
            [
                (
                    *(it.trace_id, it.span_id, it.parent_id, number(it.service)),
                    *(it.name, it.kind, it.start_ns, it.duration_ns, it.status, it.raw),
                )
                for it in spans
            ],
        )
        self._write_traces(spans)
        self._count_calls(spans)
        found = (self._edges.seen(span) for span in spans)
        self._count_edges(call for call in found if call is not None)

    def _write_traces(self, spans: Sequence[SpanRow]) -> None:
        """Keep the summary of each trace."""
        by_trace: dict[bytes, list[SpanRow]] = {}
        for span in spans:
            by_trace.setdefault(span.trace_id, []).append(span)
        self._on.executemany(
            _INTO_TRACE,
            [self._trace(trace_id, those) for trace_id, those in by_trace.items()],
        )

    def _trace(self, trace_id: bytes, spans: Sequence[SpanRow]) -> tuple[object, ...]:
        root = next((span for span in spans if not span.parent_id), None)
        services = 0
        for number in {self._service(span.service) for span in spans}:
            services |= 1 << min(number, MOST_SERVICES)
        return (
            trace_id,
            self._run,
            min(span.start_ns for span in spans),
            max(span.start_ns + span.duration_ns for span in spans),
            None if root is None else self._service(root.service),
            None if root is None else root.name,
            None if root is None else root.duration_ns,
            len(spans),
            sum(span.status == FAILED for span in spans),
            services,
        )

    def _count_calls(self, spans: Iterable[SpanRow]) -> None:
        """Count what came in, by service, name and duration."""
        calls: Counter[tuple[int, int, str, int]] = Counter()
        errors: Counter[tuple[int, int, str, int]] = Counter()
        for span in spans:
            if span.kind not in INCOMING:
                continue
            end = (span.start_ns + span.duration_ns) // 1_000_000_000
            slot = end - end % SLOT_SECONDS
            bucket = bucket_of(span.duration_ns)
            key = (slot, self._service(span.service), span.name, bucket)
            calls[key] += 1
            errors[key] += span.status == FAILED
        rows = [(*key, count, errors[key]) for key, count in calls.items()]
        self._on.executemany(_INTO_CALLS, rows)

    def _count_edges(self, found: Iterable[Call]) -> None:
        """Count calls between services, by minute and duration."""
        calls: Counter[tuple[int, str, str, str, int]] = Counter()
        errors: Counter[tuple[int, str, str, str, int]] = Counter()
        for call in found:
            minute = call.at_ns // 60_000_000_000
            bucket = bucket_of(call.duration_ns)
            key = (minute, call.caller, call.callee, call.kind, bucket)
            calls[key] += 1
            errors[key] += call.failed
        rows = [(*key, count, errors[key]) for key, count in calls.items()]
        self._on.executemany(_INTO_EDGES, rows)

    def _write_logs(self, lines: Sequence[LogRow]) -> None:
        """Write lines and their words; ids are given here, so that both agree."""
        first = self._last_log + 1
        self._last_log += len(lines)
        self._on.executemany(
            _INTO_LOG,
            [
                (
                    *(id, self._run, it.at_ns, self._service(it.service), it.level),
                    *(it.event, it.fields, it.trace_id, it.span_id),
                )
                for id, it in enumerate(lines, first)
            ],
        )
        self._on.executemany(
            "insert into log_text(rowid, event, fields) values (?, ?, ?)",
            [(id, it.event, it.fields) for id, it in enumerate(lines, first)],
        )

    def _write_points(self, points: Sequence[PointRow]) -> None:
        self._on.executemany(
            _INTO_POINT,
            [
                (self._series_of(it), it.at_ns, it.value, it.count, it.buckets)
                for it in points
            ],
        )

    def _series_of(self, point: PointRow) -> int:
        """Return the number of a point's series."""
        service = self._service(point.service)
        key = (service, point.name, point.attributes)
        number = self._series.get(key)
        if number is None:
            more = (point.unit, point.kind)
            self._on.execute(
                "insert or ignore into metric_series(service, name, attributes, unit,"
                " kind) values (?, ?, ?, ?, ?)",
                (*key, *more),
            )
            found = self._on.execute(
                "select id from metric_series where service = ? and name = ?"
                " and attributes = ?",
                key,
            ).fetchone()
            number = self._series[key] = int(found[0])
        return number

    def _write_events(self, events: Sequence[EventRow]) -> None:
        self._on.executemany(
            _INTO_EVENT,
            [
                (self._run, it.at_ns, it.resource, it.state, it.reason, it.facts)
                for it in events
            ],
        )
        known = {it.resource: it.facts for it in events if it.facts}
        self._on.executemany(
            _INTO_RESOURCE, [(name, self._run, facts) for name, facts in known.items()]
        )

    def _write_places(self, places: Sequence[PlaceRow]) -> None:
        self._on.executemany(
            _INTO_PLACE, [(it.path, self._run, it.inode, it.offset) for it in places]
        )
