"""HTTP/1.1 as the server reads it: limits of time and size, and no second meaning.

Stands between the socket and the application, where alone a client that sends slowly,
too much or two requests in one can be told from one that is only busy.
"""

import time
from enum import Enum
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fleetwright._connections import NEVER
from fleetwright._edge import Edge
from fleetwright._probes import PROBES
from fleetwright._refusal import (
    AMBIGUOUS,
    HEAD_BYTES,
    HEAD_TOO_LARGE,
    HEADER_BYTES,
    HEADERS,
    MALFORMED,
    NO_HOST,
    NO_METHOD,
    OTHER_HOST,
    TOO_MANY,
    TOO_SLOW,
    TWO_TYPES,
    URL_BYTES,
    URL_TOO_LONG,
    NotRead,
    Refusal,
)

FIRST_BYTE_SECONDS: Final = 5.0
HEAD_SECONDS: Final = 5.0
BODY_SECONDS: Final = 10.0
BODY_BYTES_PER_SECOND: Final = 64 * 1024  # slower than that on the whole is too slow
IDLE_SECONDS: Final = 15.0
LINGER_SECONDS: Final = 2.0
PIPELINED: Final = 16
UNREAD_BYTES: Final = 64 * 1024  # of a body nobody wants that are read all the same

_FORWARDED = frozenset(
    (
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-forwarded-prefix",
        b"x-real-ip",
    )
)
_WATCHED = _FORWARDED | frozenset(
    (b"host", b"content-length", b"content-type", b"transfer-encoding")
)
_PROBE_URLS = frozenset(path.encode() for path in PROBES)


class Phase(Enum):
    """Whose turn it is on a connection, and for what."""

    IDLE = "the client may send a request"
    HEAD = "the client sends a request line and headers"
    BODY = "the client sends a body"
    ANSWER = "the application answers"
    LINGER = "all is said; what still comes is thrown away"


class FleetProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a limit for everything a client can make us wait for."""

    def __init__(self, *, edge: Edge, **given: Any) -> None:
        """Wait for a connection.

        Args:
            edge: Whom the server listens to.
            **given: What uvicorn's protocol takes.
        """
        super().__init__(**given)
        self._edge = edge
        self._phase = Phase.IDLE
        self._trusted = False
        self._raw_bytes = 0  # of packets, since the head began or since a body's last
        self._head_bytes = 0  # of what the parser made of them
        self._fields = 0
        self._unread = 0  # of the body, as far as Content-Length tells
        self._chunked = self._typed = False
        self._host: bytes | None = None
        self._hosts = 0
        self._answered: Any = None  # the cycle whose turn it is; others queue
        self.due = NEVER

    @property
    def waits(self) -> bool:
        """Whether it is the client's turn: no request is whole, no answer begun."""
        if not self._answers:
            return True
        return self._half_sent and not self._answered.response_started

    @property
    def _answers(self) -> bool:
        cycle: Any = self.cycle  # uvicorn's types do not say that it may be None
        return cycle is not None and not cycle.response_complete

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _turn(self, phase: Phase, seconds: float = NEVER) -> None:
        self._phase = phase
        self.due = NEVER if seconds is NEVER else time.monotonic() + seconds

    def _wait(self, seconds: float) -> None:
        """Wait for the client to begin a request; for a moment only at our end."""
        self._turn(Phase.IDLE, self._edge.connections.patience(seconds))

    # -- the connection

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first byte, if there is a place.

        Args:
            transport: What to send by.
        """
        self.transport = transport
        self._wait(FIRST_BYTE_SECONDS)
        if not self._edge.connections.accept(self):
            self._phase = Phase.LINGER
            transport.abort()
            return
        super().connection_made(transport)
        self._trusted = self.client is not None and self._edge.trusts(self.client[0])

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection.

        Args:
            exc: Why it was lost, if not in order.
        """
        self._edge.connections.gone(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on.

        Args:
            data: What came.
        """
        if self._phase is Phase.IDLE:
            self._raw_bytes = 0
            self._turn(Phase.HEAD, HEAD_SECONDS)
        elif self._phase is Phase.LINGER:
            return
        self._raw_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgrade()
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self._refuse(cause.refusal if isinstance(cause, NotRead) else MALFORMED)
        except httptools.HttpParserInvalidMethodError:
            self._refuse(NO_METHOD if data[:1].isalpha() else MALFORMED)
        except httptools.HttpParserError:
            self._refuse(MALFORMED)
        else:
            if self._raw_bytes > HEAD_BYTES:
                if self._phase is Phase.HEAD:
                    self._refuse(HEAD_TOO_LARGE if self.headers else URL_TOO_LONG)
                elif self._phase is Phase.BODY:  # trailers and extensions of chunks
                    self._refuse(HEAD_TOO_LARGE)

    def _upgrade(self) -> None:
        if self._should_upgrade():
            self._turn(Phase.ANSWER)
            self._edge.connections.gone(self)
            self.handle_websocket_upgrade()
        elif self.cycle is not None:  # the parser reads no further request
            self.cycle.keep_alive = False

    # -- one request, as the parser finds it

    def on_message_begin(self) -> None:
        """Begin to count what the head of a request brings."""
        super().on_message_begin()
        self._host, self._hosts, self._unread = None, 0, 0
        self._head_bytes = self._fields = 0
        self._chunked = self._typed = False
        if self._phase is not Phase.HEAD:  # it came in one piece with the one before
            self._raw_bytes = 0
            self._turn(Phase.HEAD, HEAD_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, and refuse what can be read in two ways.

        Args:
            name: As it was sent.
            value: As it was sent.

        Raises:
            NotRead: It is refused.
        """
        size = len(name) + len(value)
        self._head_bytes += size + 4
        self._fields += 1
        if (
            size > HEADER_BYTES
            or self._head_bytes + len(self.url) > HEAD_BYTES
            or self._fields > HEADERS
        ):
            raise NotRead(HEAD_TOO_LARGE)
        if self._phase is not Phase.HEAD:
            return  # a trailer: what comes behind the body is no header of the request
        name = name.lower()
        if name in _WATCHED:
            if name in _FORWARDED:
                if not self._trusted:
                    return  # anybody can write one; who was not named is not believed
            elif name == b"host":
                self._host, self._hosts = value, self._hosts + 1
            elif name == b"content-length":
                self._unread = int(value)
            elif name == b"content-type":
                if self._typed:
                    raise NotRead(TWO_TYPES)
                self._typed = True
            elif value.lower() != b"chunked":
                raise NotRead(AMBIGUOUS)
            else:
                self._chunked = True
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Pass the request on, unless it must not be."""
        if len(self.url) > URL_BYTES:
            raise NotRead(URL_TOO_LONG)
        version = self.parser.get_http_version()
        if version != "1.1" and (version != "1.0" or self._chunked):
            raise NotRead(AMBIGUOUS if version == "1.0" else MALFORMED)
        if self._hosts != 1 and (self._hosts or version == "1.1"):
            raise NotRead(NO_HOST)
        if self.parser.get_method() in (b"TRACE", b"CONNECT"):
            raise NotRead(NO_METHOD)
        if self.url not in _PROBE_URLS and not self._edge.serves(self._host or b""):
            raise NotRead(OTHER_HOST)
        if len(self.pipeline) >= PIPELINED:
            raise NotRead(TOO_MANY)
        self._turn(Phase.BODY, BODY_SECONDS)
        self._raw_bytes = 0
        super().on_headers_complete()
        if self._edge.connections.leaving:
            self.leave()

    def on_body(self, body: bytes) -> None:
        """Give the client time for what it has sent.

        Args:
            body: The next piece.
        """
        self.due += len(body) / BODY_BYTES_PER_SECOND
        self._unread -= len(body)
        self._raw_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """From here on it is our turn."""
        super().on_message_complete()
        if self._answers:
            self._turn(Phase.ANSWER)
        else:  # answered before it was read to its end
            self._wait(IDLE_SECONDS)

    def on_response_complete(self) -> None:
        """Wait for the next request, or begin the one that waits.

        uvicorn's own would set a timer for each answer; `due` and one sweep do.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._phase is Phase.ANSWER:
            self._wait(IDLE_SECONDS)
        elif self._phase is Phase.BODY and self.cycle.more_body:
            self._leave_unread()

    def _leave_unread(self) -> None:
        """Read a body nobody wants to its end where that is near, else hang up."""
        if self.cycle.waiting_for_100_continue:
            self.transport.close()  # whether it comes at all is the client's choice
        elif self._chunked or self._unread > UNREAD_BYTES:
            self._linger()

    # -- ends

    def leave(self) -> None:
        """Say with the answer that is on its way that it is the last."""
        if self._answers and not self.cycle.response_started:
            self.cycle.keep_alive = False  # uvicorn says so in its head

    def shutdown(self) -> None:
        """End with the answer that is due, or once the client has nothing to send.

        uvicorn's own would close under a request that is on its way.
        """
        self.leave()
        if self._phase is Phase.IDLE:
            self.due = min(self.due, self._edge.connections.quiet_at)
            if self.due <= time.monotonic():
                self.time_is_up()

    def _linger(self) -> None:
        """Hang up, but read on for a moment: a reset could eat the answer."""
        self._turn(Phase.LINGER, LINGER_SECONDS)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Say no and hang up; after the answers that are on their way."""
        self._edge.connections.refused.count(refusal.reason)
        if self.pipeline and self.cycle.more_body:
            self.pipeline.popleft()  # never whole; those before it have their answers
            self.cycle = self.pipeline[0][0] if self.pipeline else self._answered
        if self._answers and not self._half_sent:
            self._turn(Phase.LINGER)
            self.cycle.keep_alive = False
            return
        if self._answers:
            if self.cycle.response_started:
                self.transport.abort()
                return
            self.cycle.disconnected = True  # nothing more of it is sent
            self.cycle.message_event.set()
        self.transport.write(refusal.answer)
        self._linger()

    @property
    def _half_sent(self) -> bool:
        """Whether the request that is being answered is the one still being sent."""
        cycle = self._answered
        return self._phase is Phase.BODY and cycle is self.cycle and cycle.more_body

    def time_is_up(self) -> None:
        """End the connection: the client kept us waiting."""
        if self._phase is Phase.IDLE:
            self.transport.close()
        elif self._phase is Phase.LINGER:
            self.transport.abort()
        elif self._phase is Phase.BODY and self.flow.read_paused:
            self._turn(Phase.BODY, BODY_SECONDS)  # we do not read: not its fault
        elif self._phase is Phase.BODY and not self._answers:
            self._linger()
        else:
            self._refuse(TOO_SLOW)
