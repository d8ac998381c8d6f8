"""Connections that wait are taken at once; those whose client has left are not."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator

import pytest
import uvloop

from fleetwright._listener import ACCEPTS, Listener, keep_out

MANY = ACCEPTS + 20  # more than are taken at one turn of the loop


class Reader(asyncio.Protocol):
    """A connection that was taken; keeps what it reads."""

    def __init__(self, made: list["Reader"], heard: asyncio.Event) -> None:
        """Be one of these."""
        self.read = b""
        self.heard = heard
        made.append(self)

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self.read += data
        self.heard.set()


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    """Give a bound socket."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.setblocking(False)
        yield one


def call(bound: socket.socket, word: bytes) -> socket.socket:
    """Connect and say something; the kernel takes it without the loop."""
    connection = socket.create_connection(bound.getsockname(), 60)
    connection.sendall(word)
    return connection


def test_connections_of_clients_that_left_are_not_worked_for(
    bound: socket.socket,
) -> None:
    """Of fifty that gave up and one that waits, only the one is read, at one turn."""

    async def scene() -> list[bytes]:
        made: list[Reader] = []
        heard = asyncio.Event()
        listener = Listener(bound, lambda: Reader(made, heard))
        for _ in range(50):
            call(bound, b"given up").close()
        with call(bound, b"still here"):
            async with asyncio.timeout(60):
                await heard.wait()
            listener.close()
            await listener.wait_closed()
        return [one.read for one in made]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scene()) == [b"still here"]


def test_all_that_wait_are_taken_at_one_turn(bound: socket.socket) -> None:
    """A long queue is not worked off one by one between other work."""

    async def scene() -> int:
        made: list[Reader] = []
        listener = Listener(bound, lambda: Reader(made, asyncio.Event()))
        with contextlib.ExitStack() as callers:
            for _ in range(100):
                callers.enter_context(call(bound, b"here"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # the turn that finds them waiting
            await asyncio.sleep(0)
            await listener.wait_closed()
            taken = len(made)
            listener.close()
        return taken

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scene()) == 100


def test_who_waits_as_it_closes_is_taken(bound: socket.socket) -> None:
    """What was sent to a queue that is given up would be reset unread."""
    address = bound.getsockname()

    async def scene() -> list[bytes]:
        made: list[Reader] = []
        listener = Listener(bound, lambda: Reader(made, asyncio.Event()))
        with contextlib.ExitStack() as callers:
            for _ in range(MANY):
                callers.enter_context(call(bound, b"here"))
            listener.close()
            await listener.wait_closed()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, 60)
            async with asyncio.timeout(60):
                await asyncio.gather(*(one.heard.wait() for one in made))
        return [one.read for one in made]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scene()) == [b"here"] * MANY


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux can")
def test_nobody_new_gets_in_before_the_end() -> None:
    """Who asks is ignored, not reset; who is in the queue already stays there."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = listening.getsockname()
        with socket.create_connection(address, 60):
            keep_out(listening)
            with pytest.raises(TimeoutError):
                socket.create_connection(address, 0.05)

            accepted, _ = listening.accept()
            accepted.close()
