"""A provider that stands in for another, and keeps to its contract."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Protocol

import pytest
from pydantic import BaseModel

from fleetwright import Refused, Unavailable
from fleetwright.rest import Header, get, post
from fleetwright_contracts import Unreadable
from fleetwright_contracts.testing import Asked, ContractBroken, FakeProvider

PROBLEM = {"application/problem+json": {"schema": {"type": "object"}}}
THING = {
    "type": "object",
    "properties": {
        "key": {"type": "string", "minLength": 1},
        "size": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["key", "size", "tags"],
    "additionalProperties": False,
}


def answers(schema: Any) -> dict[str, Any]:
    """Return a good answer."""
    return {"description": "", "content": {"application/json": {"schema": schema}}}


def parameter(where: str, name: str, schema: Any) -> dict[str, Any]:
    """Return a required parameter."""
    return {"in": where, "name": name, "required": True, "schema": schema}


CONTRACT = {
    "openapi": "3.1.0",
    "info": {"title": "things", "version": "1"},
    "paths": {
        "/v1/things/{key}": {
            "get": {
                "parameters": [
                    parameter("path", "key", {"type": "string", "maxLength": 8}),
                    parameter("query", "limit", {"type": "integer", "maximum": 9}),
                ],
                "responses": {"200": answers(THING), "404": {"description": "none"}},
            }
        },
        "/v1/things": {
            "post": {
                "parameters": [
                    parameter("header", "Idempotency-Key", {"type": "string"})
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": THING}},
                },
                "responses": {
                    "201": answers(THING),
                    "422": {"description": "unreadable", "content": PROBLEM},
                },
            }
        },
    },
}


class Thing(BaseModel):
    """What is read of a thing."""

    key: str


class NewThing(BaseModel):
    """What is sent of a new one."""

    key: str
    size: int
    tags: list[str] = []


class Odd(Refused):
    """It cannot be read."""


class Things(Protocol):
    """The part of things that is needed."""

    @get("/v1/things/{key}", missing=404)
    async def find(self, key: str, limit: int) -> Thing | None:
        """Return a thing."""
        ...

    @post("/v1/things", refusals={422: Odd})
    async def make(
        self, new: NewThing, *, key: Annotated[str, Header("Idempotency-Key")]
    ) -> Thing:
        """Make a thing."""
        ...


class Others(Protocol):
    """A client that calls what there is not."""

    @get("/v1/others")
    async def find(self) -> Thing:
        """Return another."""
        ...


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """Return the file of the contract."""
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(CONTRACT), "utf-8")
    return file


@pytest.fixture
def things(contract: Path) -> Iterator[FakeProvider[Things]]:
    """Return the provider."""
    with FakeProvider(Things, contract) as provider:
        yield provider


async def test_answer_holds_what_the_test_says_and_all_that_is_required(
    things: FakeProvider[Things],
) -> None:
    """The consumer's model reads one field; the contract requires three."""
    things.answers(Things.find, Thing(key="lamp"))

    assert await things.client.find("lamp", 3) == Thing(key="lamp")
    assert things.calls == ["find"]
    assert things.asked == [
        Asked(
            "GET /v1/things/{key}",
            {"key": "lamp"},
            {"limit": ["3"]},
            things.asked[0].headers,
            None,
        )
    ]


async def test_provider_that_was_told_nothing_answers_something(
    things: FakeProvider[Things],
) -> None:
    """Whatever the contract allows."""
    found = await things.client.find("lamp", 3)

    assert found is not None
    assert found.key != ""


@pytest.mark.parametrize(
    ("value", "status", "words"),
    [
        ({"key": ""}, None, "no such value is allowed"),
        ({"key": "a", "size": 0}, None, "no such value is allowed"),
        ({"key": "a", "colour": "red"}, None, "no such value is allowed"),
        (None, 409, "the contract has no answer of GET /v1/things/{key} with 409"),
    ],
)
def test_nothing_is_answered_outside_the_contract(
    things: FakeProvider[Things], value: Any, status: int | None, words: str
) -> None:
    """A test that expects it expects what never comes."""
    with pytest.raises(ContractBroken, match=words):
        things.answers(Things.find, value, status=status)


async def test_answer_may_be_a_function_of_the_request(
    things: FakeProvider[Things],
) -> None:
    """With the path, the query and the body that were sent."""
    things.answers(Things.find, lambda asked: {"key": asked.path["key"] * 2})

    assert await things.client.find("ab", 1) == Thing(key="abab")


async def test_trouble_passes_and_the_answer_is_as_it_was(
    things: FakeProvider[Things],
) -> None:
    """Every provider may be down, whatever its contract says; the client asks again."""
    things.answers(Things.find, Thing(key="lamp"))
    things.answers(Things.find, status=503, times=1)

    assert await things.client.find("lamp", 3) == Thing(key="lamp")
    assert things.calls == ["find", "find"]


async def test_status_that_means_none(things: FakeProvider[Things]) -> None:
    """As the client declares it."""
    things.answers(Things.find, status=404)

    assert await things.client.find("lamp", 3) is None


async def test_provider_that_hangs_is_given_up(things: FakeProvider[Things]) -> None:
    """By the consumer's own time limit."""
    things.hangs(Things.find)

    with pytest.raises((Unavailable, TimeoutError)):
        async with asyncio.timeout(0.05):
            await things.client.find("lamp", 3)


@pytest.mark.parametrize(
    ("key", "limit", "words"),
    [
        ("a" * 9, 1, "path parameter `key` is refused: aaaaaaaaa"),
        ("a", 10, "query parameter `limit` is refused: 10"),
    ],
)
async def test_request_that_the_contract_refuses_fails_the_test(
    contract: Path, key: str, limit: int, words: str
) -> None:
    """At the call, and again at the end: a service may have swallowed the first."""
    things = FakeProvider(Things, contract)
    with pytest.raises(ContractBroken, match=words):
        await things.client.find(key, limit)

    with pytest.raises(ContractBroken, match=words), things:
        assert things.broken


async def test_refusal_that_the_client_handles_is_answered(
    things: FakeProvider[Things],
) -> None:
    """As the provider would."""
    with pytest.raises(Odd):
        await things.client.make(NewThing(key="", size=1), key="k")

    things.verify()
    made = await things.client.make(NewThing(key="a", size=1), key="k")
    assert made.key != ""


def test_client_of_what_there_is_not_is_refused_at_once(contract: Path) -> None:
    """Before anything is called."""
    with pytest.raises(ContractBroken, match=r"Others\.find"):
        FakeProvider(Others, contract)


def test_contract_is_found_from_a_folder_of_the_fleet(
    contract: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Tests of a service run in its folder, and name the file from the root."""
    inside = tmp_path / "services" / "buyer"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)

    FakeProvider(Things, contract.name)
    with pytest.raises(Unreadable):
        FakeProvider(Things, "nowhere.json")
