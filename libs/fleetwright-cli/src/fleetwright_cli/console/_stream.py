"""Tells browsers what kinds of things are new: one stream of server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

TOGETHER_SECONDS = 0.5  # what happens within is told at once
SILENCE_SECONDS = 15.0
MOST_STREAMS = 50


class Stream:
    """Collects kinds of news and tells them to every browser that listens."""

    def __init__(self) -> None:
        """Begin with nobody listening."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[asyncio.Queue[frozenset[str] | None]] = set()
        self._news: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def bind(self) -> None:
        """Belong to the loop that runs now."""
        self._loop = asyncio.get_running_loop()

    def tell(self, kinds: frozenset[str]) -> None:
        """Have something told; safe from any thread.

        Args:
            kinds: `spans`, `logs`, `metrics`, `resources`, `faults`.
        """
        if self._loop is not None and kinds:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._note, kinds)

    def close(self) -> None:
        """End every stream now."""
        self._closed = True
        for listener in self._listeners:
            listener.put_nowait(None)

    async def listen(self) -> AsyncIterator[bytes]:
        """Yield the bytes of one browser's stream until it or we go."""
        listener: asyncio.Queue[frozenset[str] | None] = asyncio.Queue()
        self._listeners.add(listener)
        try:
            yield b"retry: 1000\n\n"
            while not self._closed:
                try:
                    async with asyncio.timeout(SILENCE_SECONDS):
                        kinds = await listener.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if kinds is None:
                    break
                told = json.dumps(sorted(kinds)).encode()
                yield b"event: news\ndata: " + told + b"\n\n"
        finally:
            self._listeners.discard(listener)

    @property
    def is_full(self) -> bool:
        """Whether nobody else may listen."""
        return len(self._listeners) >= MOST_STREAMS

    def _note(self, kinds: frozenset[str]) -> None:
        self._news |= kinds
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(TOGETHER_SECONDS, self._send)

    def _send(self) -> None:
        self._timer = None
        told, self._news = frozenset(self._news), set()
        for listener in self._listeners:
            listener.put_nowait(told)
