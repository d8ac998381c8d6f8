"""Taking connections: all that wait at once, and none whose client has left."""

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Final

BACKLOG: Final = 1024
ACCEPTS: Final = 256  # at one turn of the loop; what is left waits for the next
_PAUSE_SECONDS: Final = 0.1  # when there are no file descriptors left
_LAST_SECONDS: Final = 0.001  # for what another core is just putting into the queue
_SO_ATTACH_FILTER: Final = 26  # linux/socket.h; of the classic packet filter
_NO_SYN: Final = tuple(
    struct.pack("@HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # take the byte of flags of TCP's header
        (0x45, 0, 1, 0x02),  # is it a SYN,
        (0x06, 0, 0, 0),  # drop it,
        (0x06, 0, 0, 0xFFFF),  # else keep it
    )
)
_CLOSE_WAIT: Final = 8  # the state of TCP in which only the other side has closed


class Listener:
    """Accepts the connections of one listening socket.

    uvloop takes one connection a turn of the loop. When a turn takes milliseconds and
    callers give up after some hundred, the queue of the kernel then holds mostly
    connections nobody waits on, and the service works for the dead alone, also long
    after the load is gone. So all that wait are taken at each turn, and those whose
    client has hung up meanwhile are closed unread.
    """

    def __init__(
        self, listening: socket.socket, make_protocol: Callable[[], asyncio.Protocol]
    ) -> None:
        """Begin to listen.

        Args:
            listening: A bound, non-blocking socket.
            make_protocol: Makes what reads a connection.

        Raises:
            OSError: The address is taken.
        """
        self._loop = asyncio.get_running_loop()
        self._listening = listening
        self._make_protocol = make_protocol
        self._joining: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self.sockets = (listening,)
        listening.listen(BACKLOG)
        self._resume()

    def close(self) -> None:
        """Accept those that wait already, and no more.

        The system would reset what is in its queue when the socket is closed, and with
        it requests that are sent already. So nothing new gets into it any more before
        it is emptied: between the last look and the end there may be milliseconds.
        """
        if self._listening.fileno() < 0:
            return
        keep_out(self._listening)
        while self._accept():
            pass
        if self._pause is not None:
            self._pause.cancel()
        with contextlib.suppress(OSError, ValueError):
            self._loop.remove_reader(self._listening)
        self._listening.close()

    async def wait_closed(self) -> None:
        """Wait for connections that are being taken over."""
        if self._joining:
            await asyncio.wait(self._joining)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> bool:
        """Take those that wait; return whether there may be more."""
        for _ in range(ACCEPTS):
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return False
            except OSError:  # no file descriptor is left: do not spin
                self._loop.remove_reader(self._listening)
                self._pause = self._loop.call_later(_PAUSE_SECONDS, self._resume)
                return False
            if has_left(connection):
                connection.close()
                continue
            connection.setblocking(False)
            task = self._loop.create_task(self._join(connection))
            self._joining.add(task)
            task.add_done_callback(self._joining.discard)
        return True

    async def _join(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError:  # it was lost in this very moment
            connection.close()


def keep_out(listening: socket.socket) -> None:
    """Have the system ignore who asks for a connection, where it can (Linux).

    Whoever does asks again after a second, and is refused then, as nobody listens.

    Args:
        listening: A listening socket of TCP that is about to be closed.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # once, at the end of a process

    program = ctypes.create_string_buffer(b"".join(_NO_SYN))
    filtering = struct.pack("@HP", len(_NO_SYN), ctypes.addressof(program))
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)
        time.sleep(_LAST_SECONDS)


def has_left(connection: socket.socket) -> bool:
    """Return whether the client of a connection has hung up already.

    Args:
        connection: An accepted connection.

    Returns:
        False also where the system cannot tell.
    """
    if not hasattr(socket, "TCP_INFO"):
        return False
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    except OSError:
        return False
    return told[0] == _CLOSE_WAIT
