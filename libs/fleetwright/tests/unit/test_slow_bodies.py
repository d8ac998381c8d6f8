"""A client that takes its time over its body keeps nobody else out."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from fleetwright import Service, Settings
from fleetwright._asgi import FleetMiddleware, Receive, Scope, Send
from fleetwright.testing import FakeClock

Message = MutableMapping[str, Any]


class Upload:
    """One request whose body comes when the test says."""

    def __init__(self) -> None:
        """Send nothing yet."""
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Message] = []

    def body(self, piece: bytes, *, more: bool = False) -> None:
        """Send a piece."""
        message = {"type": "http.request", "body": piece, "more_body": more}
        self.incoming.put_nowait(message)

    async def call(self, app: FleetMiddleware) -> int:
        """Make the request and return the status of its answer; 0 for none."""

        async def keep(message: Message) -> None:
            self.sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
        await app(scope, self.incoming.get, keep)
        return int(self.sent[0]["status"]) if self.sent else 0


async def length(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body to its end, then answer."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def one_place() -> tuple[FleetMiddleware, Service]:
    """Return an application with one place for calls in flight."""
    service = Service("shop", Settings(max_in_flight=1, auth="off"))
    await service.open()
    return FleetMiddleware(length, service), service


async def quick(app: FleetMiddleware) -> int:
    """Return the status of a request whose body is there at once."""
    upload = Upload()
    upload.body(b"x")
    return await upload.call(app)


async def test_place_is_lent_while_the_client_is_slow(clock: FakeClock) -> None:
    """Others get in, the slow one is answered when its body has come."""
    app, service = await one_place()
    slow = Upload()
    slow.body(b"first", more=True)
    uploading = asyncio.create_task(slow.call(app))
    await asyncio.sleep(0.2)

    others = [await quick(app), await quick(app)]
    slow.body(b"last")

    assert others == [200, 200]
    assert await uploading == 200
    assert service.admission.in_flight == 0


async def test_body_that_comes_when_all_places_are_taken_is_refused_unread(
    clock: FakeClock,
) -> None:
    """The answer does not claim that nothing was done: the application was started."""
    app, service = await one_place()
    slow = Upload()
    uploading = asyncio.create_task(slow.call(app))
    await asyncio.sleep(0.2)
    assert service.admission.admit("critical")

    slow.body(b"whole")

    assert await uploading == 503
    names = [name for name, _ in slow.sent[0]["headers"]]
    assert b"retry-after" in names
    assert b"fleet-not-processed" not in names
    service.admission.leave()
    assert service.admission.in_flight == 0


async def test_body_that_was_begun_is_read_on_without_a_place(clock: FakeClock) -> None:
    """Who has read a part may have done something: it is not turned away."""
    app, service = await one_place()
    slow = Upload()
    slow.body(b"first", more=True)
    uploading = asyncio.create_task(slow.call(app))
    await asyncio.sleep(0.2)
    assert service.admission.admit("critical")

    slow.body(b"last")

    assert await uploading == 200
    service.admission.leave()
    assert service.admission.in_flight == 0


async def test_body_that_came_meanwhile_is_worked_on_with_a_place(
    clock: FakeClock,
) -> None:
    """Also where the end of it came while the application did something else."""
    service = Service("shop", Settings(max_in_flight=1, auth="off"))
    await service.open()
    held = []

    async def works(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.sleep(0.5)
        assert not (await receive())["more_body"]
        held.append(service.admission.in_flight)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    slow = Upload()
    uploading = asyncio.create_task(slow.call(FleetMiddleware(works, service)))
    await asyncio.sleep(0.2)
    slow.body(b"first", more=True)
    await asyncio.sleep(0.3)
    slow.body(b"last")

    assert await uploading == 200
    assert held == [1]
    assert service.admission.in_flight == 0


async def test_slow_client_that_hangs_up_leaves_nothing_behind(
    clock: FakeClock,
) -> None:
    """A lent place is not given back twice."""
    app, service = await one_place()
    slow = Upload()
    uploading = asyncio.create_task(slow.call(app))
    await asyncio.sleep(0.2)
    slow.incoming.put_nowait({"type": "http.disconnect"})

    assert await uploading == 0
    assert service.admission.in_flight == 0
