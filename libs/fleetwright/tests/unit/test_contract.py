"""What a service promises and needs, read off its code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from flask import Flask
from pydantic import BaseModel, Field, field_validator
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import Refused, Service, Settings
from fleetwright.contract import canonical, describe
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, Event, Subscriptions, connect
from fleetwright.fastapi import mount
from fleetwright.flask import answers
from fleetwright.flask import mount as mount_flask
from fleetwright.rest import Header, get, post, rest


class NewParcel(BaseModel):
    """What is packed."""

    weight: int = Field(strict=True, ge=1)
    note: str | None = None

    @field_validator("weight")
    @classmethod
    def is_light(cls, weight: int) -> int:
        """Refuse what nobody can lift."""
        if weight > 50:
            raise ValueError("too heavy")
        return weight


class Parcel(BaseModel):
    """A packed parcel."""

    id: UUID
    note: str | None


class TooHeavy(Refused):
    """Nobody can lift it."""


class Parcels(Protocol):
    """What is needed of parcels."""

    @get("/v1/parcels/{parcel_id}", missing=404)
    async def find(
        self,
        parcel_id: UUID,
        sort: Literal["up", "down"] | None,
        limit: Annotated[int | None, Field(ge=1)],
    ) -> Parcel | None:
        """Return a parcel."""
        ...

    @post("/v1/parcels", refusals={422: TooHeavy}, idempotent="key")
    async def pack(self, new: NewParcel) -> Parcel:
        """Pack a parcel."""
        ...

    @post("/v1/parcels/{parcel_id}")
    async def touch(
        self, parcel_id: UUID, *, key: Annotated[str, Header("Idempotency-Key")]
    ) -> None:
        """Touch a parcel."""
        ...


class Sent(Event, topic="parcels.sent", version=3):
    """The fields of a sent parcel that are read."""

    parcel_id: UUID


subscriptions = Subscriptions()


@subscriptions.on(Sent)
async def note(sent: Sent, transaction: AsyncSession) -> None:
    """Note that a parcel was sent."""


def described() -> dict[str, Any]:
    """Return the contracts of a service that packs, calls and hears."""
    service = Service("desk", Settings(broker_url="memory://contract"))
    database = service.add(AsyncDatabase("sqlite+aiosqlite://"))
    broker = service.add(connect("memory://contract"))
    service.add(rest(Parcels, provider="parcels"))
    service.add(Consumer(database, broker, subscriptions))
    app = FastAPI(title="desk")

    @app.get("/v1/parcels", response_model_exclude_none=True)
    def parcels() -> list[Parcel]:
        """List parcels."""
        return []

    @app.post("/v1/parcels", include_in_schema=False)
    def pack(new: NewParcel) -> None:
        """Pack a parcel."""

    @app.put("/v1/parcels/{parcel_id}")
    def keep(parcel_id: UUID, new: NewParcel) -> Parcel:
        """Keep a parcel."""
        return Parcel(id=parcel_id, note=None)

    return describe(mount(app, service), service)


def test_api_says_what_openapi_does_not() -> None:
    """Strictness, own rules, routes, and what is answered to nonsense."""
    document = described()["openapi"]

    weight = document["components"]["schemas"]["NewParcel"]["properties"]["weight"]
    [rule] = weight["x-fleet-rules"]
    assert weight["x-fleet-strict"] is True
    assert rule["name"].endswith("NewParcel.is_light")
    assert (rule["refuses"], 3 in rule["accepts"]) == ([100, 1000], True)
    assert document["x-fleet-routes"] == [
        "GET /v1/parcels",
        "POST /v1/parcels",
        "PUT /v1/parcels/{parcel_id}",
    ]
    invalid = document["x-fleet-invalid-request"]
    assert list(invalid["content"]) == ["application/problem+json"]


def test_answer_that_leaves_out_none_does_not_promise_it() -> None:
    """A field that may be None is optional then, and never null."""
    document = described()["openapi"]
    answer = document["paths"]["/v1/parcels"]["get"]["responses"]["200"]

    items = answer["content"]["application/json"]["schema"]["items"]
    parcel = document["components"]["schemas"][items["$ref"].rpartition("/")[2]]
    assert parcel["required"] == ["id"]
    assert parcel["properties"]["note"]["type"] == "string"


def test_rule_of_the_same_code_has_the_same_digest_and_another_one_not() -> None:
    """What the code was made with counts as the code."""

    def limited(most: int) -> str:
        class Limited(BaseModel):
            field: int

            @field_validator("field")
            @classmethod
            def look(cls, value: int) -> int:
                assert value < most
                return value

        app = FastAPI()

        @app.post("/v1/limited")
        def take(body: Limited) -> None:
            """Take it."""

        service = Service("limited", Settings())
        document = describe(app, service)["openapi"]
        schemas = document["components"]["schemas"]
        [rule] = schemas["Limited"]["properties"]["field"]["x-fleet-rules"]
        return str(rule["digest"])

    assert limited(5) == limited(5) != limited(6)


def test_needs_are_what_is_sent_read_and_handled() -> None:
    """A client is a document of OpenAPI of its own."""
    needs = described()["needs"]
    [parcels] = needs["calls"]
    paths = parcels["needs"]["paths"]

    assert (parcels["provider"], parcels["client"].partition(":")[2]) == (
        "parcels",
        "Parcels",
    )
    find = paths["/v1/parcels/{parcel_id}"]["get"]
    assert [(one["name"], one["required"]) for one in find["parameters"]] == [
        ("parcel_id", True),
        ("sort", False),
        ("limit", False),
    ]
    assert find["parameters"][2]["schema"] == {"type": "integer", "minimum": 1}
    assert find["parameters"][1]["schema"]["enum"] == ["up", "down"]
    assert sorted(find["responses"]) == ["2XX", "404"]
    pack = paths["/v1/parcels"]["post"]
    assert pack["requestBody"]["required"] is True
    assert sorted(pack["responses"]) == ["2XX", "422"]
    assert [one["name"] for one in pack["parameters"]] == ["Idempotency-Key"]
    touch = paths["/v1/parcels/{parcel_id}"]["post"]
    assert "content" not in touch["responses"]["2XX"]


def test_needs_name_the_events_that_are_heard() -> None:
    """With the version and the schema that are understood."""
    [sent] = described()["needs"]["hears"]

    assert (sent["topic"], sent["version"]) == ("parcels.sent", 3)
    assert sent["schema"]["required"] == ["parcel_id"]


def test_pages_for_people_are_no_contract() -> None:
    """Nobody but a browser comes to them."""
    app = FastAPI()
    app.get("/", response_class=HTMLResponse)(lambda: "hello")

    assert describe(app, Service("pages", Settings()))["openapi"] is None


def test_flask_tells_its_facts_and_its_routes_as_they_are_tried() -> None:
    """Flask asks those with fewer variables first, wherever they were declared."""
    app = Flask("desk")

    @app.get("/v1/parcels/<parcel_id>")
    def find(parcel_id: str) -> str:
        return parcel_id

    @app.post("/v1/parcels")
    @answers(Parcel, status=201, takes=NewParcel)
    def pack() -> Any:
        """Pack a parcel."""

    service = Service("desk", Settings())
    document = describe(mount_flask(app, service), service)["openapi"]

    assert list(document["paths"]) == ["/v1/parcels"]
    assert document["x-fleet-routes"] == [
        "POST /v1/parcels",
        "GET /v1/parcels/{parcel_id}",
    ]
    weight = document["components"]["schemas"]["NewParcel"]["properties"]["weight"]
    assert weight["x-fleet-strict"] is True


def test_command_prints_the_same_text_every_time(tmp_path: Path) -> None:
    """As `fleet contracts freeze` runs it, in the service's own interpreter."""
    (tmp_path / "desk.py").write_text(
        "from fastapi import FastAPI\n"
        "from fleetwright import Service, Settings\n"
        "from fleetwright.fastapi import mount\n"
        "def create_app():\n"
        "    app = FastAPI(title='desk')\n"
        "    app.get('/v1/desk')(lambda: None)\n"
        "    return mount(app, Service('desk', Settings()))\n",
        "utf-8",
    )
    runs = [
        subprocess.run(
            [sys.executable, "-m", "fleetwright.contract", "desk:create_app"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert runs[0] == runs[1] == canonical(json.loads(runs[0]))
    assert list(json.loads(runs[0])["openapi"]["paths"]) == ["/v1/desk"]


def test_command_says_what_cannot_be_loaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In three parts, as every command of the runtime."""
    from fleetwright.contract.__main__ import main

    assert main(["nowhere.app:create_app"]) == 1
    assert "there is no module nowhere" in capsys.readouterr().err
