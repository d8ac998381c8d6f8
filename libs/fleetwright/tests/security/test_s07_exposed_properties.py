"""S7: an API says which properties it takes and gives (OWASP API3:2023)."""

from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from fleetwright.testing import exposed_properties


class Part(BaseModel):
    """A part of an account that takes whatever it is given."""

    name: str


class NewAccount(BaseModel):
    """What is asked for; the account itself takes no unknown properties."""

    model_config = ConfigDict(extra="forbid")

    owner: str
    parts: list[Part] = []


class NewThing(BaseModel):
    """What is asked for, and nothing else."""

    model_config = ConfigDict(extra="forbid")

    name: str


class Thing(BaseModel):
    """What is given."""

    id: int
    name: str


@pytest.fixture
def app() -> FastAPI:
    """Return an application without routes."""
    return FastAPI()


def test_an_api_that_says_what_goes_in_and_out_exposes_nothing(app: FastAPI) -> None:
    """Separate models, closed requests and declared answers are all it takes."""

    @app.post("/things", status_code=201)
    async def make(new: NewThing) -> Thing:
        return Thing(id=1, name=new.name)

    @app.delete("/things/{thing_id}", status_code=204)
    async def remove(thing_id: int) -> None:
        return None

    assert exposed_properties(app.openapi()) == []


def test_a_request_that_takes_unknown_properties_is_named(app: FastAPI) -> None:
    """Also where the open model stands inside a closed one."""

    @app.put("/accounts/{account_id}")
    async def keep(account_id: int, new: NewAccount) -> Thing:
        return Thing(id=account_id, name=new.owner)

    assert exposed_properties(app.openapi()) == [
        "PUT /accounts/{account_id}: the request takes unknown properties in Part"
    ]


def test_an_answer_without_a_schema_is_named(app: FastAPI) -> None:
    """It would give away whatever the code happens to hold."""

    @app.get("/things")
    async def things() -> Any:
        return {"password": "canary"}

    @app.get("/things/1")
    async def thing() -> dict[str, Any]:
        return {"password": "canary"}

    assert exposed_properties(app.openapi()) == [
        "GET /things: the answer 200 has no schema",
        "GET /things/1: the answer 200 has no schema",
    ]


def test_one_model_for_request_and_answer_is_named(app: FastAPI) -> None:
    """What may be read may then be written too, an id for example."""

    @app.put("/things")
    async def keep(thing: NewThing) -> NewThing:
        return thing

    assert exposed_properties(app.openapi()) == [
        "PUT /things: NewThing is both the request and the answer"
    ]
