"""Parts: opened in order, drained and closed in reverse, within a budget."""

import asyncio
from typing import Any

import pytest
import structlog

from fleetwright import Service, Settings
from fleetwright._lifecycle import State
from fleetwright._service import service_of
from fleetwright.errors import DeclarationError


class Part:
    """A part that writes down what happens to it."""

    def __init__(self, name: str, diary: list[str]) -> None:
        """Write to a diary."""
        self.name = name
        self.diary = diary

    async def open(self) -> None:
        """Note the opening."""
        self.diary.append(f"open {self.name}")

    async def drain(self) -> None:
        """Note the drain."""
        self.diary.append(f"drain {self.name}")

    async def close(self) -> None:
        """Note the closing."""
        self.diary.append(f"close {self.name}")


class First(Part):
    """The first part."""


class Second(Part):
    """The second part."""


class Broken(Part):
    """A part that cannot be opened."""

    async def open(self) -> None:
        """Fail."""
        raise ConnectionError("no database")


def service(**given: Any) -> Service:
    """Return a service without parts."""
    return Service("orders", Settings(**given))


async def test_parts_open_in_order_and_end_in_reverse() -> None:
    """What was added later may use what was added before, as long as it lives."""
    diary: list[str] = []
    orders = service()
    orders.add(First("one", diary))
    orders.add(Second("two", diary))

    await orders.open()
    assert orders.state is State.READY
    await orders.close()

    assert diary == [
        "open one",
        "open two",
        "drain two",
        "drain one",
        "close two",
        "close one",
    ]
    assert str(orders.state) == "stopped"


async def test_failed_opening_closes_what_is_open() -> None:
    """A service that cannot start leaves nothing open, and says which part failed."""
    diary: list[str] = []
    orders = service()
    orders.add(First("one", diary))
    orders.add(Broken("two", diary))

    with pytest.raises(ConnectionError) as caught:
        await orders.open()

    assert diary == ["open one", "close one"]
    assert caught.value.__notes__ == ["while opening Broken"]
    assert orders.lifecycle.failure is caught.value


async def test_part_that_fails_to_close_does_not_keep_the_others() -> None:
    """Every part is closed, whatever another does; the failure is logged."""

    class Stubborn(Part):
        async def close(self) -> None:
            raise OSError("stuck")

    diary: list[str] = []
    orders = service()
    orders.add(First("one", diary))
    orders.add(Stubborn("two", diary))
    await orders.open()

    with structlog.testing.capture_logs() as logged:
        await orders.close()

    assert diary[-1] == "close one"
    assert [line["event"] for line in logged] == ["part.close_failed"]


async def test_drain_waits_for_calls_in_flight() -> None:
    """Parts are drained after the last call was answered."""
    diary: list[str] = []
    orders = service()
    orders.add(First("one", diary))
    await orders.open()
    orders.lifecycle.arrived()

    closing = asyncio.create_task(orders.close())
    await asyncio.sleep(0)
    assert diary == ["open one"]
    assert orders.lifecycle.accepts
    orders.lifecycle.answered()
    await closing

    assert diary[1:] == ["drain one", "close one"]


async def test_drain_that_takes_too_long_is_cut() -> None:
    """Calls in flight and draining parts have one budget; then the service closes."""

    class Endless(Part):
        async def drain(self) -> None:
            await asyncio.Event().wait()

    diary: list[str] = []
    orders = service(drain_seconds=0.01)
    orders.add(Endless("one", diary))
    await orders.open()
    orders.lifecycle.arrived()

    with structlog.testing.capture_logs() as logged:
        await orders.close()

    assert [line["event"] for line in logged] == ["drain.cut", "part.drain_cut"]
    assert diary[-1] == "close one"


async def test_streams_are_told_once_that_the_service_stops() -> None:
    """Who listens is told; who came too late is told at once; who left is not."""
    told: list[str] = []
    orders = service()
    orders.lifecycle.on_stopping(lambda: told.append("a"))
    forget = orders.lifecycle.on_stopping(lambda: told.append("b"))
    forget()
    forget()

    orders.lifecycle.stop()
    orders.lifecycle.stop()
    orders.lifecycle.on_stopping(lambda: told.append("c"))()

    assert told == ["a", "c"]


async def test_who_waits_for_the_drain_is_told_once_when_it_begins() -> None:
    """Not yet when the service is told to stop: until then calls are still taken."""
    told: list[str] = []
    orders = service()
    orders.lifecycle.on_draining(lambda: told.append("a"))

    orders.lifecycle.stop()
    assert told == []
    orders.lifecycle.begin_drain(5.0)
    orders.lifecycle.begin_drain(5.0)
    orders.lifecycle.on_draining(lambda: told.append("b"))

    assert told == ["a", "b"]


async def test_parts_are_fixed_after_the_start() -> None:
    """A part that is added too late would never be opened."""
    orders = service()
    await orders.open()

    with pytest.raises(DeclarationError, match="has started"):
        orders.add(object())


def test_part_is_found_by_its_kind_or_a_class_above() -> None:
    """The exact class first, else the only part that is one."""
    diary: list[str] = []
    orders = service()
    one = orders.add(First("one", diary))

    assert orders.find(First) is one
    assert orders.find(Part) is one


def test_ambiguous_or_missing_kinds_are_told() -> None:
    """The error says what the service has and what to add."""
    orders = service()
    orders.add(First("one", []))
    orders.add(Second("two", []))

    with pytest.raises(DeclarationError, match="has 2 parts of kind Part"):
        orders.find(Part)
    with pytest.raises(DeclarationError, match="no parts of kind Broken") as caught:
        orders.find(Broken)
    assert "its parts: First, Second" in str(caught.value)


def test_two_parts_of_one_kind_are_refused() -> None:
    """A handler could not tell them apart."""
    orders = service()
    orders.add(First("one", []))

    with pytest.raises(DeclarationError, match="has a First already"):
        orders.add(First("two", []))


def test_stand_in_is_found_under_the_kind_it_replaces() -> None:
    """A fake need not be of the kind it stands in for, and keeps its place."""
    orders = service()
    orders.add(First("one", []))
    fake = object()
    orders.replace(First, fake)

    assert orders.parts == (fake,)
    found: object = orders.find(First)
    assert found is fake


async def test_client_is_a_part_by_its_declaration() -> None:
    """A typed client keeps its kind and its methods apart from its operations."""

    class Catalog:
        """What a client is for."""

    class Declaration:
        kind = Catalog
        opened = False

        async def open(self) -> None:
            self.opened = True

    class Client:
        __part__ = Declaration()

    orders = service()
    client = orders.add(Client())
    await orders.open()
    found: object = orders.find(Catalog)

    assert found is client
    assert client.__part__.opened
    assert "Catalog" in (await orders.info())["parts"]


async def test_info_has_the_facts_of_the_parts() -> None:
    """Facts may be told at once or later; a part that fails to tell is shown."""

    class Now:
        def facts(self) -> dict[str, object]:
            return {"a": 1}

    class Later:
        async def facts(self) -> dict[str, object]:
            return {"b": 2}

    class Never:
        def facts(self) -> dict[str, object]:
            raise OSError("at redis://me:pw@host")

    orders = Service("orders", Settings(), version="3")
    for part in (Now(), Later(), Never(), First("one", [])):
        orders.add(part)

    assert await orders.info() == {
        "service": "orders",
        "version": "3",
        "state": "new",
        "status": "unknown",
        "failing": {},
        "in_flight": 0,
        "admission": orders.admission.facts(),
        "parts": {
            "Now": {"a": 1},
            "Later": {"b": 2},
            "Never": {"error": "OSError: at redis://me:***@host"},
            "First": {},
        },
    }


@pytest.mark.parametrize("name", ["Orders", "", "my orders", "9lives"])
def test_name_is_one_for_a_host(name: str) -> None:
    """A service's name becomes a host name, a folder and a variable."""
    with pytest.raises(DeclarationError, match="not a name for a service"):
        Service(name, Settings())


def test_service_is_its_own_application() -> None:
    """A service without an API stands for itself; anything else is not mounted."""
    orders = service()

    assert service_of(orders) is orders
    assert service_of(object()) is None
