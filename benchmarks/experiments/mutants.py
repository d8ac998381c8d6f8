"""Mistakes that are put into our own code, to see an experiment notice them."""

import asyncio
from collections.abc import Callable
from typing import Any


def put_in(name: str) -> None:
    """Put a mistake into the code of this process.

    Args:
        name: One of this module's mistakes; several are joined by `+`.
    """
    for one in name.split("+"):
        _MISTAKES[one]()


def leaks_the_exchange() -> None:
    """A call whose time is over leaves its connection open."""
    from fleetwright._transport import AiohttpTransport

    exchange = AiohttpTransport.exchange
    kept: set[asyncio.Future[Any]] = set()

    async def shielded(self: AiohttpTransport, request: Any) -> Any:
        work = asyncio.ensure_future(exchange(self, request))
        kept.add(work)
        return await asyncio.shield(work)

    AiohttpTransport.exchange = shielded  # type: ignore[method-assign]


def ends_late() -> None:
    """The limit of the whole call starts anew with each attempt."""
    from fleetwright.resilience import Pipeline

    start = Pipeline._start

    def later(self: Pipeline) -> float | None:
        end = start(self)
        return None if end is None else end + 0.5

    Pipeline._start = later  # type: ignore[method-assign]


def keeps_cut_bodies() -> None:
    """An answer that was cut is taken as far as it came."""
    import aiohttp

    from fleetwright._transport import AiohttpTransport

    async def read(self: AiohttpTransport, answer: aiohttp.ClientResponse) -> bytes:
        pieces = bytearray()
        try:
            async for piece in answer.content.iter_any():
                pieces += piece
        except (aiohttp.ClientError, OSError):
            pass
        return bytes(pieces)

    AiohttpTransport._read = read  # type: ignore[method-assign]


def never_retries() -> None:
    """Every failure is given to the caller."""
    from fleetwright.resilience import Retry
    from fleetwright.resilience._policy import Stop

    Retry.decide = lambda self, failure: Stop("attempts")  # type: ignore[method-assign]


def shows_what_was_typed() -> None:
    """The report of wrong settings shows the whole environment."""
    import os

    from fleetwright.errors import FleetwrightError

    shown = FleetwrightError.__str__

    def told(self: FleetwrightError) -> str:
        values = [value for name, value in os.environ.items() if "BANK" in name]
        return f"{shown(self)} {values} {os.environ.get('CHARGE_SECONDS')}"

    FleetwrightError.__str__ = told  # type: ignore[method-assign]


def starts_all_the_same() -> None:
    """A service that cannot start ends as if it had been asked to."""
    from fleetwright import serve

    serve.tell = lambda program, error: 0  # type: ignore[attr-defined]


def waits_for_the_log() -> None:
    """A line is written by whoever logs it."""
    import os

    from fleetwright._log_writer import LineWriter

    def write(self: LineWriter, line: bytes, *, urgent: bool = False) -> None:
        os.write(1, line)

    LineWriter.write = write  # type: ignore[method-assign]


def keeps_every_line() -> None:
    """Lines nobody reads are kept for ever."""
    from fleetwright import _log_writer

    _log_writer._QUEUE_BYTES = 1 << 40


def lives_by_the_wall_clock() -> None:
    """Limits are kept by the time of day."""
    import time

    from fleetwright._clock import SystemClock

    SystemClock.monotonic = lambda self: time.time()  # type: ignore[method-assign]


_MISTAKES: dict[str, Callable[[], None]] = {
    made.__name__: made
    for made in (
        leaks_the_exchange,
        ends_late,
        keeps_cut_bodies,
        never_retries,
        shows_what_was_typed,
        starts_all_the_same,
        waits_for_the_log,
        keeps_every_line,
        lives_by_the_wall_clock,
    )
}
