"""The spans of statements: what was asked of a database, without the values."""

import re
from functools import lru_cache
from typing import Any, Final
from weakref import WeakSet

from opentelemetry.trace import StatusCode
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection, ExceptionContext

from fleetwright import _spans
from fleetwright._context import current_call

_SPAN: Final = "_fleetwright_span"
_LONGEST: Final = 2_000
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_TABLE = re.compile(r"\b(?:from|into|update|join)\s+([\"\w.]+)", re.IGNORECASE)
_SYSTEMS: Final = {"postgresql": "postgresql", "sqlite": "sqlite"}
_watched: WeakSet[Engine] = WeakSet()


def watch(engine: Engine) -> None:
    """Make a span of each statement that a call runs on an engine.

    What belongs to no call makes none: those who look every so often whether there is
    something to do would fill the traces.

    Args:
        engine: The engine; of an async one its `sync_engine`.
    """
    if engine in _watched:
        return
    _watched.add(engine)
    system, place = _SYSTEMS.get(engine.dialect.name, "other_sql"), engine.url.database

    def begins(
        connection: Connection, cursor: object, statement: str, *others: Any
    ) -> None:
        call, tracer, context = current_call(), _spans.tracer, others[1]
        if tracer is None or call is None or context is None:
            return
        name, said = _known(statement, system, place)
        span = tracer.begin(name, _spans.CLIENT, said, call)
        setattr(context, _SPAN, span)

    event.listen(engine, "before_cursor_execute", begins)
    event.listen(engine, "after_cursor_execute", _ends)
    event.listen(engine, "handle_error", _fails)


def _ends(connection: Connection, cursor: object, statement: str, *others: Any) -> None:
    span = getattr(others[1], _SPAN, None)
    if span is not None:
        span.end()


def _fails(failure: ExceptionContext) -> None:
    span = getattr(failure.execution_context, _SPAN, None)
    if span is not None:
        # The class alone: a driver's words may quote the values.
        kind = type(failure.original_exception).__qualname__
        span.set_attribute("error.type", kind)
        span.set_status(StatusCode.ERROR, kind)
        span.end()


@lru_cache(maxsize=1024)
def _known(
    statement: str, system: str, place: str | None
) -> tuple[str, dict[str, _spans.Value]]:
    """Return the name of the span of a statement, and what is said of it."""
    text = _LITERAL.sub("?", " ".join(statement.split()))
    operation = text.partition(" ")[0].upper()
    found = _TABLE.search(text)
    said: dict[str, _spans.Value] = {
        "db.system.name": system,
        "db.operation.name": operation,
        "db.query.text": text[:_LONGEST],
    }
    if place:
        said["db.namespace"] = place
    if found is None:
        return operation, said
    table = found[1].replace('"', "")
    said["db.collection.name"] = table
    return f"{operation} {table}", said
