"""A run as a file: taken out of one console's database, brought into another."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.console import _schema
from fleetwright_cli.console._retention import Keep
from fleetwright_cli.console._schema import SLOT_SECONDS
from fleetwright_cli.console._writing import MOST_SERVICES

MOST_BYTES = 1_000_000_000
LONGEST_VALUE = 4_000_000
# Each table that is of a run, and which of its rows are.
_OF_RUN = {
    "run": "id = :run",
    "service": "1",
    "trace": "run = :run",
    "span": "trace_id in (select trace_id from {source}trace where run = :run)",
    "log": "run = :run",
    "event": "run = :run",
    "call_slot": "slot >= :first and slot <= :last",
    "edge_minute": "minute >= :first / 60 and minute <= :last / 60",
    "metric_series": "1",
    "metric_point": "at_ns / 1000000000 between :first and :last",
}
_TYPES = {"integer": "'integer'", "text": "'text'", "blob": "'blob'"} | {
    "real": "'real', 'integer'"
}


def runs(on: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return the runs that are kept, the newest first.

    Args:
        on: A connection that reads.
    """
    rows = on.execute(
        "select r.id, started_ns, ended_ns, count(t.trace_id) traces,"
        " coalesce(ended_ns, max(t.end_ns), started_ns) until_ns"
        " from run r left join trace t on t.run = r.id group by r.id order by r.id desc"
    )
    return [dict(row) for row in rows]


def export(database: Path, run: int | None, file: Path) -> dict[str, int]:
    """Write one run into a file of its own.

    Args:
        database: The console's.
        run: Its number; None for the newest.
        file: Where; nothing may be there.

    Returns:
        How many rows of each kind are in it.

    Raises:
        FleetError: There is no such run, or something is there.
    """
    with closing(_schema.reading(database)) as reading:
        known = {row["id"]: row for row in runs(reading)}
    chosen = max(known, default=0) if run is None else run
    if chosen not in known:
        raise _wrong(f"no run {chosen} is kept", "see them with `fleet runs list`")
    try:
        file.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        hint = "name another file"
        raise _wrong(f"{file} cannot be written: {error.strerror}", hint) from error
    values = {"run": chosen} | _seconds(known[chosen])
    uri = f"{database.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}", uri=True)) as on:
        on.executescript(_schema.TABLES)
        on.execute(f"pragma user_version = {_schema.VERSION}")
        on.execute("attach ? as source", (uri,))
        with on:
            counts = {
                table: on.execute(
                    f"insert into {table} select * from source.{table} where "  # noqa: S608 - ours
                    + where.format(source="source."),
                    values,
                ).rowcount
                for table, where in _OF_RUN.items()
            }
    return counts


def bring(file: Path, database: Path) -> dict[str, int]:
    """Take the run of a file into the console's database, which nobody else writes.

    Whatever the file holds is looked at first: a database with other tables, triggers
    or types than ours, too large, or spoilt, is refused and nothing of it is taken.

    Args:
        file: As `export` writes it.
        database: The console's; it is made where there is none.

    Returns:
        How many rows of each kind were taken, and as which `run`.

    Raises:
        FleetError: The file is none of ours, or its run is here already.
    """
    with closing(_looked_at(file)) as source:
        [run] = runs(source)
        with closing(_schema.opened(database)) as target:
            target.row_factory = sqlite3.Row
            _refuse_overlap(target, run)
            target.execute("begin immediate")
            try:
                counts = _Copying(source, target).all()
            except (sqlite3.Error, KeyError, ValueError) as error:
                target.execute("rollback")
                raise _wrong(f"its rows do not fit: {error}", _HINT) from error
            target.execute("commit")
    return counts


_HINT = "export it again with `fleet runs export`, by the same version of the tool"


def _looked_at(file: Path) -> sqlite3.Connection:
    """Return a connection that reads a file in which there is nothing but a run."""
    try:
        size = file.stat().st_size
        with file.open("rb") as start:
            is_ours = start.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise _wrong(
            f"{file} cannot be read: {error.strerror}", "name a file"
        ) from error
    if not is_ours or size > MOST_BYTES:
        raise _wrong(f"{file} is no run, or over {MOST_BYTES} bytes", _HINT)
    connection = _schema.reading(file)
    try:
        connection.execute("pragma trusted_schema = off")
        why = _mistake(connection)
    except sqlite3.Error as error:
        why = str(error)
    if why:
        connection.close()
        raise _wrong(f"{file} is no run of a console: {why}", _HINT)
    return connection


def _mistake(on: sqlite3.Connection) -> str:
    """Return what is wrong with a database; empty for nothing."""
    if on.execute("pragma user_version").fetchone()[0] != _schema.VERSION:
        return "it is of another version"
    with closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(_schema.TABLES)
        if _tables(ours) != _tables(on):
            return "it has other tables"
    if on.execute("pragma quick_check(1)").fetchone()[0] != "ok":
        return "it is damaged"
    for table in _OF_RUN:
        for name, kind, is_needed in _columns(on, table):
            allowed = _TYPES[kind] + ("" if is_needed else ", 'null'")
            odd = (
                f"typeof({name}) not in ({allowed}) or length({name}) > {LONGEST_VALUE}"
            )
            asked = (
                f"select 1 from {table} where {odd} limit 1"  # noqa: S608 - our words
            )
            if on.execute(asked).fetchone():
                return f"{table}.{name} holds something else"
    keep = Keep()
    for table, most in {"run": 1, "span": keep.spans, "log": keep.logs}.items():
        counting = f"select count(*) from {table}"  # noqa: S608 - our names
        count = on.execute(counting).fetchone()[0]
        if count > most or (table == "run" and count != 1):
            return f"{count} rows in {table}"
    return ""


def _tables(on: sqlite3.Connection) -> set[tuple[str, ...]]:
    rows = on.execute("select type, name, sql from sqlite_master where sql is not null")
    return {tuple(row) for row in rows if not row[1].startswith("log_text_")}


def _columns(on: sqlite3.Connection, table: str) -> Iterator[tuple[str, str, bool]]:
    """Yield the columns of a table: name, type, whether a value must be there."""
    for row in on.execute(f"pragma table_info({table})"):
        yield row[1], row[2].lower(), bool(row[3] or row[5])


def _refuse_overlap(on: sqlite3.Connection, run: dict[str, Any]) -> None:
    """Refuse a run at whose time another one was: calls are counted by time."""
    for other in runs(on):
        began = max(other["started_ns"], run["started_ns"])
        if began <= min(other["until_ns"], run["until_ns"]):
            raise _wrong(
                f"run {other['id']} was at the same time",
                "it may be here already; look at the file in a fleet's folder of its"
                " own, where no other run is kept",
            )


class _Copying:
    """Copies rows under the numbers that are free here."""

    def __init__(self, source: sqlite3.Connection, target: sqlite3.Connection) -> None:
        self._source = source
        self._on = target
        self._services = {0: 0}
        self._series: dict[int, int] = {}
        self.run = 0

    def all(self) -> dict[str, int]:
        """Copy everything, and return how many rows of each kind there were."""
        [run] = runs(self._source)
        times = {"started_ns": run["started_ns"], "ended_ns": run["until_ns"]}
        self.run = self._inserted("run", **times)
        for name, id in self._source.execute("select name, id from service"):
            self._on.execute("insert or ignore into service(name) values (?)", (name,))
            self._services[id] = self._id("service", name=name)
        for row in self._source.execute("select * from metric_series"):
            key = {it: row[it] for it in ("name", "attributes")}
            key["service"] = self._services[row["service"]]
            more = {"unit": row["unit"], "kind": row["kind"]}
            self._inserted("metric_series", **key, **more)
            self._series[row["id"]] = self._id("metric_series", **key)
        return {"run": self.run} | {
            table: self._table(table) for table in _OF_RUN if table not in _NUMBERED
        }

    def _inserted(self, table: str, **values: Any) -> int:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        done = self._on.execute(
            f"insert or ignore into {table}({names}) values ({marks})",  # noqa: S608 - ours
            tuple(values.values()),
        )
        return int(done.lastrowid or 0)

    def _id(self, table: str, **key: Any) -> int:
        where = " and ".join(f"{name} = ?" for name in key)
        sql = f"select id from {table} where {where}"  # noqa: S608 - our names
        return int(self._on.execute(sql, tuple(key.values())).fetchone()[0])

    def _table(self, table: str) -> int:
        """Copy the rows of a table; each gets a number of its own."""
        names = [it[0] for it in _columns(self._source, table)]
        names = [it for it in names if it != "id"]
        sql = f"select {', '.join(names)} from {table} order by rowid"  # noqa: S608 - ours
        if table in _WITHOUT_ROWID:
            sql = sql.removesuffix(" order by rowid")
        count = 0
        for row in self._source.execute(sql):
            number = self._inserted(table, **self._renamed(table, dict(row)))
            if table == "log":
                self._on.execute(
                    "insert into log_text(rowid, event, fields) values (?, ?, ?)",
                    (number, row["event"], row["fields"]),
                )
            count += 1
        return count

    def _renamed(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row with the numbers that its run, service and series have here."""
        if "run" in row:
            row["run"] = self.run
        if "series" in row:
            row["series"] = self._series[row["series"]]
        if "service" in row:
            row["service"] = self._services[row["service"]]
        if table == "trace":
            row["root_service"] = self._services[row["root_service"] or 0] or None
            row["services"] = sum(
                {
                    1 << min(here, MOST_SERVICES)
                    for there, here in self._services.items()
                    if there and row["services"] >> min(there, MOST_SERVICES) & 1
                }
            )
        return row


_NUMBERED = frozenset({"run", "service", "metric_series"})
_WITHOUT_ROWID = frozenset({"call_slot", "edge_minute", "metric_point"})


def _seconds(run: dict[str, Any]) -> dict[str, int]:
    """Return the first and the last second whose rows are a run's."""
    first = run["started_ns"] // 1_000_000_000
    last = run["until_ns"] // 1_000_000_000
    return {"first": first - first % SLOT_SECONDS, "last": last}


def _wrong(message: str, hint: str) -> FleetError:
    return FleetError(message, hint=hint, exit_code=WRONG_ARGUMENTS)
