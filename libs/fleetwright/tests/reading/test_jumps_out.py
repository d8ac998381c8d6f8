"""How far one call out walks through our files."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from fleetwright._context import bind, new_call
from fleetwright._deadline import Deadline
from fleetwright.rest import Request, Response, get, rest

MOST_FILES = 9
MOST_JUMPS = 30


class Things(Protocol):
    """What is called."""

    @get("/v1/things/{sku}", missing=404)
    async def find(self, sku: str) -> str | None:
        """Return one."""
        ...


class Wire:
    """A transport that answers at once."""

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def exchange(self, request: Request) -> Response:
        """Answer."""
        return Response(200, {}, b'"tea"')


def walk(visited: list[str]) -> Callable[[FrameType, str, Any], None]:
    """Return a profiler that notes our files, each time one is entered anew."""

    def note(frame: FrameType, event: str, argument: Any) -> None:
        name = frame.f_code.co_filename
        ours = "/fleetwright/" in name and "/src/" in name
        if event == "call" and ours and (not visited or visited[-1] != name):
            visited.append(name)

    return note


async def test_warm_call_out_stays_within_its_walk() -> None:
    """With the default pipeline, in a call, with a deadline: 9 files and 30 jumps.

    The transport of the test stands for one file and one jump more.
    """
    things = rest(Things, provider="shelf", transport=Wire())
    visited: list[str] = []
    with bind(new_call("orders")), Deadline.after(1):
        await things.find("1")
        sys.setprofile(walk(visited))
        try:
            await things.find("1")
        finally:
            sys.setprofile(None)

    assert len(visited) > 5
    assert len(set(visited)) + 1 <= MOST_FILES
    assert len(visited) + 1 <= MOST_JUMPS
