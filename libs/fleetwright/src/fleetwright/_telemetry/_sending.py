"""One signal on its way: a bounded queue, a thread of its own, batches over HTTP."""

import gzip
import http.client
import random
import ssl
import threading
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import structlog

from fleetwright._telemetry._environment import Target

_PASSES: Final = frozenset((429, 502, 503, 504))  # the only ones to be sent again
_LONGEST_PAUSE_SECONDS = 5.0
_QUIET_SECONDS = 60.0
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


class Sending:
    """Sends bodies to one address over a connection that is kept.

    Used by one thread.
    """

    def __init__(self, signal: str, target: Target) -> None:
        """Send nothing yet.

        Args:
            signal: What is sent, for the log.
            target: Where to.
        """
        self._signal = signal
        self._target = target
        parts = urlsplit(target.url)
        self._path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._headers = {
            "Content-Type": "application/x-protobuf",
            "User-Agent": "fleetwright",
        } | dict(target.headers)
        if target.gzip:
            self._headers["Content-Encoding"] = "gzip"
        self._connection: http.client.HTTPConnection | None = None
        self._told_at = float("-inf")

    def send(self, body: bytes, stopping: threading.Event) -> bool:
        """Send one body; again, within its time, where the receiver is away or full.

        Args:
            body: What is sent.
            stopping: Set when there is no time to send anything again.

        Returns:
            Whether it was taken.
        """
        if self._target.gzip:
            body = gzip.compress(body, compresslevel=1)
        ends = time.monotonic() + self._target.timeout_seconds
        pause, why = 0.2, ""
        while True:
            try:
                status, wait = self._post(body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                status, wait, why = 503, None, f"{type(error).__name__}: {error}"
            else:
                why = f"status {status}"
            if 200 <= status <= 299:
                return True
            jitter = random.uniform(0.8, 1.2)  # noqa: S311 - it is no secret
            rest = pause * jitter if wait is None else wait
            is_over = time.monotonic() + rest > ends
            if status not in _PASSES or is_over or stopping.wait(rest):
                self._tell(why)
                return False
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _post(self, body: bytes) -> tuple[int, float | None]:
        """Return the status, and how long the receiver wants to be left alone."""
        if self._connection is not None:
            try:
                return self._ask(self._connection, body)
            except ConnectionError:  # it was kept for longer than the receiver kept it
                self.close()
        self._connection = self._connect()
        return self._ask(self._connection, body)

    def _ask(
        self, connection: http.client.HTTPConnection, body: bytes
    ) -> tuple[int, float | None]:
        """Send a body over a connection and return what the receiver says."""
        connection.request("POST", self._path, body, self._headers)
        answer = connection.getresponse()
        answer.read()
        wait = answer.getheader("Retry-After", "")
        return answer.status, float(wait) if wait.isdecimal() else None

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._target.url)
        host, seconds = parts.hostname or "", self._target.timeout_seconds
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=seconds)
        trusted = ssl.create_default_context(cafile=self._target.certificate or None)
        return http.client.HTTPSConnection(
            host, parts.port, timeout=seconds, context=trusted
        )

    def _tell(self, why: str) -> None:
        """Say once a minute that something could not be sent."""
        now = time.monotonic()
        if now - self._told_at >= _QUIET_SECONDS:
            self._told_at = now
            _log.warning("telemetry.not_sent", signal=self._signal, because=why)

    def forget(self) -> None:
        """Leave the connection to the parent of a process that was forked."""
        self._connection = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Clockwork:
    """A thread that does something in intervals, and sooner when it is asked to.

    It begins with the first need for it, and anew in a process that was forked.
    """

    def __init__(self, name: str, do: Callable[[], None], seconds: float) -> None:
        """Begin nothing yet.

        Args:
            name: What the thread is called.
            do: What is done; where it fails, the next interval comes all the same.
            seconds: How long it waits between.
        """
        self._name = name
        self._do = do
        self._seconds = seconds
        self._has_told = False
        self.forked()

    def forked(self) -> None:
        """Forget the thread: it stayed in the parent."""
        self.is_running = False
        self.stopping = threading.Event()
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, where it has not begun."""
        if not self.is_running and not self.stopping.is_set():
            self.is_running = True
            self._thread = threading.Thread(
                target=self._run, name=self._name, daemon=True
            )
            self._thread.start()

    def ask(self) -> None:
        """Do it now."""
        self._asked.set()

    def _run(self) -> None:
        while not self.stopping.is_set():
            self._asked.wait(self._seconds)
            self._asked.clear()
            try:
                self._do()
            except Exception as error:
                self._tell(error)

    def _tell(self, error: Exception) -> None:
        """Say once what is not done, whatever the reason: one is hardly alone."""
        if not self._has_told:
            self._has_told = True
            _log.warning("telemetry.failed", thread=self._name, exc_info=error)

    def stop(self, within_seconds: float) -> bool:
        """Do it once more and end; gives up when that takes too long.

        Args:
            within_seconds: How long is too long.

        Returns:
            Whether it has ended.
        """
        self.stopping.set()
        self._asked.set()
        if self._thread is None:
            return True
        self._thread.join(within_seconds)
        return not self._thread.is_alive()
