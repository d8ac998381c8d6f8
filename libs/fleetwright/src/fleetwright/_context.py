"""What travels with a call: its id, its caller, its trace; and the headers for it."""

import os
import random
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from fleetwright._deadline import Deadline, current_deadline
from fleetwright._principal import Principal

# W3C trace context level 2: version ff and all-zero ids are invalid; version 00 is
# exactly 55 characters long, later versions may go on after a dash.
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
    r"(-.*)?",
    re.ASCII | re.DOTALL,
)
_MEMBER = re.compile(
    r"([a-z0-9][a-z0-9_\-*/@]{0,255})="
    r"([\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e])",
    re.ASCII,
)
_CALL_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}", re.ASCII)
_CALLER = re.compile(r"[a-z0-9][a-z0-9._\-]{0,62}", re.ASCII)
_MILLISECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_MEMBERS_MAXIMUM = 32

Criticality = Literal["critical", "default", "sheddable", "batch"]
CRITICALITIES: Final[tuple[Criticality, ...]] = get_args(Criticality)


@dataclass(frozen=True, slots=True)
class Call:
    """What travels with one call, from service to service.

    Attributes:
        id: The same for everything one outside request causes.
        caller: The service that called, or None when it did not say. Where tokens are
            asked for, the one that proved it, and never what a header claims.
        trace_id: W3C trace id, 32 hexadecimal digits.
        span_id: Id of this call within the trace, 16 hexadecimal digits.
        parent_span_id: Span of the caller, or None for the first call of a trace.
        sampled: Whether the trace is recorded.
        service: The service this call came in to.
        random: Whether the first service made the trace id at random (level 2 flag).
        tracestate: What other tracing systems passed on; empty for nothing.
        criticality: How much the call matters: what is `critical` is refused last when
            a service is full, then `default`, `sheddable` and `batch`.
        principal: Who is authenticated; None for nobody.
    """

    id: str
    caller: str | None
    trace_id: str
    span_id: str
    parent_span_id: str | None
    sampled: bool
    service: str
    random: bool = True
    tracestate: str = ""
    criticality: Criticality = "default"
    principal: Principal | None = None

    @property
    def traceparent(self) -> str:
        """The W3C header for calls made within this one."""
        return self.traceparent_of(self.span_id)

    def traceparent_of(self, span_id: str) -> str:
        """Return the W3C header whose parent is another span of this trace.

        Args:
            span_id: The span, 16 hexadecimal digits.

        Returns:
            The value of `traceparent`.
        """
        flags = self.sampled + 2 * self.random
        return f"00-{self.trace_id}-{span_id}-{flags:02x}"


_call: ContextVar[Call | None] = ContextVar("fleetwright_call")

# Whether a trace is recorded, by its id and by what its parent said (None where it
# begins here). Without one, all that begin here are and the others as they say.
sampler: Callable[[str, bool | None], bool] | None = None


def current_call() -> Call | None:
    """Return the call that is being answered here, or None outside of one."""
    return _call.get(None)


@contextmanager
def bind(call: Call) -> Iterator[Call]:
    """Make `call` the current one in the block and in tasks started there.

    Args:
        call: The call to bind.

    Yields:
        The call.
    """
    previous = _call.get(None)
    _call.set(call)
    try:
        yield call
    finally:
        _call.set(previous)


# What answers under way lack, by the span of their call. Almost always empty, so that
# asking costs nothing; the story of the call takes its entry away in the end.
_lacking: dict[str, list[str]] = {}
_LACKING_MAXIMUM = 10_000  # a note made after the end of its call is never taken away


def note_degraded(name: str) -> None:
    """Say that the answer being made is not as good as it should be.

    It goes out with `Fleet-Degraded: <name>`, unless it has begun already; without a
    call nothing happens.

    Args:
        name: What was done without, for example "prices".
    """
    call = current_call()
    if call is None:
        return
    if len(_lacking) >= _LACKING_MAXIMUM:
        _lacking.clear()
    names = _lacking.setdefault(call.span_id, [])
    if name not in names:
        names.append(name)


def degraded() -> str:
    """Return the value of `Fleet-Degraded` for the current call; empty for none."""
    call = current_call()
    return "" if call is None else ", ".join(_lacking.get(call.span_id, ()))


def forget_degraded(call: Call) -> str | None:
    """Return what the answer of a call lacked, and forget it.

    Args:
        call: The call, which is over.

    Returns:
        Names, separated by commas; None for none.
    """
    names = _lacking.pop(call.span_id, None)
    return None if names is None else ", ".join(names)


def new_call(
    service: str,
    *,
    id: str | None = None,
    caller: str | None = None,
    traceparent: str | None = None,
    tracestate: str = "",
    criticality: str = "default",
) -> Call:
    """Return a call that starts here, or goes on with what came over the wire.

    Args:
        service: The service that answers the call.
        id: The call id that came in; a malformed one is ignored, none makes a new one.
        caller: The service that called, if it said so.
        traceparent: The W3C header that came in; a malformed one starts a new trace.
        tracestate: The W3C companion header; only used with a valid `traceparent`.
        criticality: How much the call matters; an unknown word is ignored.

    Returns:
        The call, with a span id of its own.
    """
    if id is not None and not _CALL_ID.fullmatch(id):
        id = None
    if caller is not None and not _CALLER.fullmatch(caller):
        caller = None
    if criticality not in CRITICALITIES:
        criticality = "default"
    matters = cast(Criticality, criticality)
    parsed = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if parsed is None or (parsed[1] == "00" and parsed[5] is not None):
        trace_id, span_id = new_trace_id(), new_span_id()
        sampled = sampler is None or sampler(trace_id, None)
        new = (id or trace_id, caller, trace_id, span_id, None, sampled, service)
        return Call(*new, criticality=matters)
    _, trace_id, parent, flags, _ = parsed.groups()
    bits = int(flags, 16)
    sampled = bool(bits & 1)
    return Call(
        id or trace_id,
        caller,
        trace_id,
        new_span_id(),
        parent,
        sampled if sampler is None else sampler(trace_id, sampled),
        service,
        bool(bits & 2),
        _state(tracestate) if tracestate else "",
        matters,
    )


# Seeded by the system and again after a fork. Ids must be unique, not secret: asking
# the system for each costs more than all the rest of this module.
_random = random.Random()  # noqa: S311
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


def new_span_id() -> str:
    """Return an id for one call out, 16 hexadecimal digits."""
    return (_random.getrandbits(64) or 1).to_bytes(8, "big").hex()


def new_trace_id() -> str:
    """Return an id for a trace, 32 hexadecimal digits."""
    return (_random.getrandbits(128) or 1).to_bytes(16, "big").hex()


def _state(header: str) -> str:
    """Return the valid members of a tracestate, the first of duplicate keys kept."""
    members: dict[str, str] = {}
    for part in header.split(","):
        text = part.strip(" \t")
        if not text:
            continue
        member = _MEMBER.fullmatch(text)
        if member is None:
            return ""  # one malformed member voids the header, not the trace
        members.setdefault(member[1], text)
    if len(members) > _MEMBERS_MAXIMUM:
        return ""
    return ",".join(members.values())


def from_headers(
    headers: Iterable[tuple[bytes, bytes]], service: str
) -> tuple[Call, Deadline | None]:
    """Return what came in with a request.

    Args:
        headers: Names in lower case and values, as in an ASGI scope.
        service: The service the request came in to.

    Returns:
        The call, and the caller's deadline if it sent one.
    """
    found: dict[bytes, str] = {}
    for name, value in headers:
        if name in _WIRE:
            text = value.decode("latin-1").strip(" \t")
            if name in found:
                # Two traceparent headers are none; tracestate may come in pieces.
                text = f"{found[name]},{text}"
            found[name] = text
    if not found:
        return new_call(service), None
    call = new_call(
        service,
        id=found.get(b"fleet-call-id"),
        caller=found.get(b"fleet-caller"),
        traceparent=found.get(b"traceparent"),
        tracestate=found.get(b"tracestate", ""),
        criticality=found.get(b"fleet-criticality", "default"),
    )
    left = found.get(b"fleet-deadline-ms")
    if left is None or not _MILLISECONDS.fullmatch(left):
        return call, None
    return call, Deadline.after(int(left) / 1000)


_WIRE = frozenset(
    (
        b"traceparent",
        b"tracestate",
        b"fleet-call-id",
        b"fleet-caller",
        b"fleet-deadline-ms",
        b"fleet-criticality",
    )
)


def to_headers(
    call: Call | None = None,
    deadline: Deadline | None = None,
    *,
    span_id: str | None = None,
) -> dict[str, str]:
    """Return the headers of a call out.

    Args:
        call: The call being answered; the current one when left out.
        deadline: When the answer is useless; the current one when left out.
        span_id: The span of the call out, when it has one of its own.

    Returns:
        Headers by name; empty outside of a call and without a deadline.
    """
    call = call or current_call()
    deadline = deadline or current_deadline()
    headers: dict[str, str] = {}
    if call is not None:
        headers["traceparent"] = call.traceparent_of(span_id or call.span_id)
        headers["Fleet-Call-Id"] = call.id
        headers["Fleet-Caller"] = call.service
        if call.tracestate:
            headers["tracestate"] = call.tracestate
        if call.criticality != "default":
            headers["Fleet-Criticality"] = call.criticality
    if deadline is not None:
        headers["Fleet-Deadline-Ms"] = str(max(0, int(deadline.left() * 1000)))
    return headers
