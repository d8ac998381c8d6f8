"""The tables of the console's database."""

import sqlite3
from pathlib import Path

VERSION = 1
TABLES = """
create table if not exists run(
  id integer primary key, started_ns integer not null, ended_ns integer);
create table if not exists resource(
  name text primary key, run integer not null, facts text not null);
create table if not exists event(
  id integer primary key, run integer not null, at_ns integer not null,
  resource text not null, state text not null, reason text not null,
  facts text not null);
create index if not exists event_resource on event(resource, id);
create table if not exists service(id integer primary key, name text unique not null);
create table if not exists span(
  id integer primary key, trace_id blob not null, span_id blob not null,
  parent_id blob not null, service integer not null, name text not null,
  kind integer not null, start_ns integer not null, duration_ns integer not null,
  status integer not null, raw blob not null);
create index if not exists span_trace on span(trace_id);
create table if not exists trace(
  trace_id blob primary key, run integer not null, start_ns integer not null,
  end_ns integer not null, root_service integer, root_name text, root_ns integer,
  spans integer not null, errors integer not null, services integer not null);
create index if not exists trace_start on trace(start_ns);
create index if not exists trace_failed on trace(start_ns) where errors > 0;
create table if not exists log(
  id integer primary key, run integer not null, at_ns integer not null,
  service integer not null, level integer not null, event text not null,
  fields text not null, trace_id text not null, span_id text not null);
create index if not exists log_trace on log(trace_id) where trace_id <> '';
create index if not exists log_at on log(at_ns);
create virtual table if not exists log_text using fts5(
  event, fields, content='log', content_rowid='id');
create trigger if not exists log_gone after delete on log begin
  insert into log_text(log_text, rowid, event, fields)
  values ('delete', old.id, old.event, old.fields);
end;
create table if not exists metric_series(
  id integer primary key, service integer not null, name text not null,
  unit text not null, kind text not null, attributes text not null,
  unique(service, name, attributes));
create table if not exists metric_point(
  series integer not null, at_ns integer not null, value real not null,
  count integer, buckets text not null, primary key(series, at_ns)) without rowid;
create table if not exists edge_minute(
  minute integer not null, caller text not null, callee text not null,
  kind text not null, bucket integer not null, calls integer not null,
  errors integer not null,
  primary key(minute, caller, callee, kind, bucket)) without rowid;
create table if not exists call_slot(
  slot integer not null, service integer not null, name text not null,
  bucket integer not null, calls integer not null, errors integer not null,
  primary key(slot, service, name, bucket)) without rowid;
"""
# Of this console alone, and so in no file that carries a run.
_OWN = """
create table if not exists read_so_far(
  path text primary key, run integer not null, inode integer not null,
  offset integer not null);
"""
SLOT_SECONDS = 10


def opened(path: Path) -> sqlite3.Connection:
    """Return a connection that writes; what an older version left is begun anew.

    Args:
        path: The database's file; only its owner may read it.
    """
    if path.exists() and _version(path) != VERSION:
        for left in (path, *path.parent.glob(f"{path.name}-*")):
            left.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=off")  # telemetry: a power cut may take it
    connection.execute("pragma journal_size_limit=33554432")
    connection.executescript(TABLES + _OWN)
    connection.execute(f"pragma user_version={VERSION}")
    return connection


def _version(path: Path) -> int:
    """Return which tables a file has; -1 when it is no database."""
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("pragma user_version").fetchone()[0])
    except sqlite3.DatabaseError:
        return -1
    finally:
        connection.close()


def reading(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot change anything.

    Args:
        path: The database's file.

    Raises:
        sqlite3.OperationalError: There is none.
    """
    uri = f"{path.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma query_only=on")
    connection.set_authorizer(_allowed)
    return connection


def _allowed(action: int, *_: str | None) -> int:
    """Let nobody open another file: it would be made where there is none."""
    denied = action == sqlite3.SQLITE_ATTACH
    return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK
