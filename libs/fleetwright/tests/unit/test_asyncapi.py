"""What a service sends and hears, as AsyncAPI 3."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import jsonschema
import pytest
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import Service, Settings
from fleetwright.asyncapi import asyncapi, canonical
from fleetwright.database import AsyncDatabase
from fleetwright.errors import DeclarationError
from fleetwright.events import Consumer, Event, Outbox, Subscriptions, connect

PACKAGE = __name__  # of a service it is the first word


@pytest.fixture(autouse=True)
def declared_here_only() -> Iterator[None]:
    """Let no event that a test declares be found by the next one."""
    yield
    gc.collect()


class Line(BaseModel):
    """One line of a parcel."""

    sku: str
    quantity: int = 1


class Packed(Event, topic="parcels.packed"):
    """A parcel was packed.

    More about it that nobody needs in a list.
    """

    parcel_id: UUID
    lines: list[Line]


class Sent(Event, topic="parcels.sent", version=2, key=None):
    """A parcel left the house."""

    parcel_id: UUID


class Bought(Event, topic="baskets.bought"):
    """The fields of a bought basket that are read."""

    basket_id: UUID


subscriptions = Subscriptions()


@subscriptions.on(Bought)
async def pack(bought: Bought, transaction: AsyncSession) -> None:
    """Pack what was bought."""


def parcels(*, hears: bool = True, tells: bool = True) -> Service:
    """Return the service that packs and sends parcels."""
    service = Service("parcels", Settings(broker_url="memory://asyncapi"))
    database = service.add(AsyncDatabase("sqlite+aiosqlite://"))
    broker = service.add(connect("memory://asyncapi"))
    if tells:
        service.add(Outbox(database, broker))
    if hears:
        service.add(Consumer(database, broker, subscriptions))
    return service


@pytest.fixture(scope="module")
def official() -> dict[str, object]:
    """Return the schema of AsyncAPI 3.0 as its makers publish it."""
    folder = os.environ.get("ASYNCAPI_SPECS")
    if folder is None:
        reason = "ASYNCAPI_SPECS names no folder of the npm package @asyncapi/specs"
        if os.environ.get("FLEET_REQUIRE_ASYNCAPI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    file = Path(folder) / "schemas" / "3.0.0.json"
    schema: dict[str, object] = json.loads(file.read_text("utf-8"))
    return schema


def test_document_says_what_is_sent_and_what_is_heard() -> None:
    """A declared event that has no reaction here is sent."""
    said = asyncapi(parcels(), package=PACKAGE)

    assert {name: one["action"] for name, one in said["operations"].items()} == {
        "receive.baskets.bought": "receive",
        "send.parcels.packed": "send",
        "send.parcels.sent": "send",
    }
    assert said["info"]["title"] == "parcels"
    message = said["components"]["messages"]["send.parcels.packed.v1"]
    assert (message["x-fleet-key"], message["x-fleet-version"]) == ("parcel_id", 1)
    assert message["summary"] == "A parcel was packed."
    unordered = said["components"]["messages"]["send.parcels.sent.v2"]
    assert (unordered["x-fleet-key"], unordered["x-fleet-version"]) == (None, 2)


def test_what_is_sent_has_the_schema_that_is_written() -> None:
    """A field with a default is always written, so readers may count on it."""
    schemas = asyncapi(parcels(), package=PACKAGE)["components"]["schemas"]

    assert schemas["Line"]["required"] == ["sku", "quantity"]


def test_service_without_an_outbox_sends_nothing() -> None:
    """What cannot leave is not promised."""
    said = asyncapi(parcels(tells=False), package=PACKAGE)

    assert list(said["operations"]) == ["receive.baskets.bought"]


def test_topic_of_its_own_that_is_heard_as_well_is_sent_and_heard() -> None:
    """The first word of a topic says whose it is."""

    class Again(Event, topic="loops.again"):
        """Something a service tells itself."""

        number: int

    hearing = Subscriptions()

    @hearing.on(Again)
    async def go_on(again: Again, transaction: AsyncSession) -> None:
        """Do nothing."""

    service = Service("loops", Settings(broker_url="memory://asyncapi"))
    database = service.add(AsyncDatabase("sqlite+aiosqlite://"))
    broker = service.add(connect("memory://asyncapi"))
    service.add(Outbox(database, broker))
    service.add(Consumer(database, broker, hearing))

    said = asyncapi(service, package="elsewhere")

    assert set(said["operations"]) == {"receive.loops.again", "send.loops.again"}
    assert len(said["channels"]["loops.again"]["messages"]) == 2


def test_two_meanings_of_one_message_are_refused() -> None:
    """One topic in one version has one shape."""

    class Stamped(Event, topic="stamps.stamped"):
        number: int

    class StampedAgain(Event, topic="stamps.stamped"):
        number: str

    service = Service("stamps", Settings(broker_url="memory://asyncapi"))
    database = service.add(AsyncDatabase("sqlite+aiosqlite://"))
    broker = service.add(connect("memory://asyncapi"))
    service.add(Outbox(database, broker))

    with pytest.raises(DeclarationError, match="declared twice"):
        asyncapi(service, package="elsewhere")
    del Stamped, StampedAgain


def test_document_is_valid_asyncapi(official: dict[str, object]) -> None:
    """The makers' own schema accepts it, and refuses one that is spoilt."""
    said = json.loads(canonical(asyncapi(parcels(), package=PACKAGE)))
    jsonschema.validate(said, official)

    said["operations"]["send.parcels.sent"]["action"] = "shout"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, official)


def test_payload_that_is_written_fits_the_document() -> None:
    """An event as it is published is valid for the schema that is promised."""
    said = asyncapi(parcels(), package=PACKAGE)
    schema = {
        "$ref": "#/components/schemas/Packed",
        "components": said["components"],
    }
    packed = Packed(parcel_id=UUID(int=7), lines=[Line(sku="tea")])

    jsonschema.validate(json.loads(packed.model_dump_json()), schema)


def test_command_prints_the_same_text_every_time(tmp_path: Path) -> None:
    """What is committed changes only when the events do."""
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "__init__.py").touch()
    (tmp_path / "tiny" / "app.py").write_text(
        "from fleetwright import Service, Settings\n"
        "from fleetwright.database import AsyncDatabase\n"
        "from fleetwright.events import Event, Outbox, connect\n"
        "class Ticked(Event, topic='clocks.ticked'):\n"
        "    '''A clock ticked.'''\n"
        "    number: int\n"
        "def create_app():\n"
        "    settings = Settings(broker_url='memory://x')\n"
        "    service = Service('tiny', settings)\n"
        "    database = service.add(AsyncDatabase('sqlite+aiosqlite://'))\n"
        "    service.add(Outbox(database, connect(settings.broker_url)))\n"
        "    return service\n"
    )

    def printed() -> str:
        words = [sys.executable, "-m", "fleetwright.asyncapi", "tiny.app:create_app"]
        done = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    first = printed()

    assert printed() == first
    assert first == canonical(json.loads(first))
    assert list(json.loads(first)["operations"]) == ["send.clocks.ticked"]


def test_command_says_what_is_wrong_in_words(tmp_path: Path) -> None:
    """A target that is not there is no traceback."""
    words = [sys.executable, "-m", "fleetwright.asyncapi", "nowhere.app:create_app"]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "there is no module nowhere" in done.stderr
    assert "Traceback" not in done.stderr
