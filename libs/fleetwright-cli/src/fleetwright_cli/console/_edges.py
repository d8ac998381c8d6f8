"""Who calls whom: the two sides of a call found in its spans, in any order."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from fleetwright_cli.console._rows import INCOMING, OUTGOING, Kind, SpanRow

REMEMBERED = 20_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One call between two services, or of a service to what is behind it.

    Attributes:
        caller: Who called.
        callee: Who was called.
        kind: `call` or `event`.
        at_ns: When it ended.
        duration_ns: How long it took.
        failed: Whether it failed.
    """

    caller: str
    callee: str
    kind: str
    at_ns: int
    duration_ns: int
    failed: bool


class Edges:
    """Joins a call's outgoing and incoming span by the id that both know.

    A span that says whom it went to is an edge by itself: the call that is never
    answered counts as well. What finds no other side is forgotten in time.
    """

    def __init__(self) -> None:
        """Begin with nothing remembered."""
        self._callers: OrderedDict[bytes, str] = OrderedDict()
        self._waiting: OrderedDict[bytes, SpanRow] = OrderedDict()

    def seen(self, span: SpanRow) -> Call | None:
        """Take one span.

        Args:
            span: As it came.

        Returns:
            The call that is whole with it, if any.
        """
        if span.kind in OUTGOING:
            if span.peer:
                return _call(span, span.service, span.peer)
            _keep(self._callers, span.span_id, span.service)
            answer = self._waiting.pop(span.span_id, None)
            return None if answer is None else _between(span.service, answer)
        if span.kind in INCOMING and span.parent_id:
            caller = self._callers.get(span.parent_id)
            if caller is not None:
                return _between(caller, span)
            _keep(self._waiting, span.parent_id, span)
        return None


def _between(caller: str, span: SpanRow) -> Call | None:
    """Return the call that an incoming span answered; none within one service."""
    return None if caller == span.service else _call(span, caller, span.service)


def _call(span: SpanRow, caller: str, callee: str) -> Call:
    kind = "event" if span.kind in (Kind.PRODUCER, Kind.CONSUMER) else "call"
    end_ns = span.start_ns + span.duration_ns
    return Call(caller, callee, kind, end_ns, span.duration_ns, span.status == 2)


def _keep(known: "OrderedDict[bytes, T]", key: bytes, value: T) -> None:
    known[key] = value
    if len(known) > REMEMBERED:
        known.popitem(last=False)
