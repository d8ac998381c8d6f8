"""Requests sent twice to a Flask application are done once too."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from flask import Flask
from flask.typing import ResponseReturnValue
from httpx2 import AsyncClient
from sqlalchemy import text

from fleetwright import Service, Settings
from fleetwright.database import Database
from fleetwright.flask import mount, uses
from fleetwright.idempotency import KeptAnswers
from fleetwright.idempotency.flask import idempotency_key
from fleetwright.testing import serving


def shop(path: Path) -> Flask:
    """Return a service whose only handler counts."""
    database = Database(f"sqlite:///{path}/own.db")
    with database.engine.begin() as connection:
        connection.execute(text("create table effects (id integer primary key)"))
    service = Service("shop", Settings(auth="off"))
    service.add(database)
    service.add(KeptAnswers(database))
    app = Flask("shop")

    @app.post("/effects/<int:number>")
    def make(number: int) -> ResponseReturnValue:
        key = idempotency_key()
        with uses(Database).transaction() as transaction:
            key.claim(transaction)
            transaction.execute(text("insert into effects default values"))
            id = transaction.scalar(text("select max(id) from effects"))
            key.keep(transaction, {"id": id, "number": number})
        return {"id": id, "number": number}, 201

    return mount(app, service)


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    """Give a client of the service."""
    async with serving(shop(tmp_path)) as http:
        yield http


async def test_repetition_gets_the_first_answer(http: AsyncClient) -> None:
    """The same words as in FastAPI: replayed, reused, missing."""
    headers = {"Idempotency-Key": "k-1"}
    first = await http.post("/effects/1", headers=headers, json={})
    second = await http.post("/effects/1", headers=headers, json={})
    other = await http.post("/effects/1", headers=headers, json={"more": 1})
    elsewhere = await http.post("/effects/2", headers=headers, json={})
    without = await http.post("/effects/1", json={})

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json() == {"id": 1, "number": 1}
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["Content-Type"] == "application/json"
    assert (other.status_code, elsewhere.status_code) == (422, 422)
    assert (without.status_code, without.json()["kind"]) == (
        400,
        "missing_idempotency_key",
    )


async def test_twins_at_once_have_one_effect(http: AsyncClient) -> None:
    """Threads of one process; the database decides."""
    headers = {"Idempotency-Key": "k-1"}

    answers = await asyncio.gather(
        *(http.post("/effects/1", headers=headers, json={}) for _ in range(5))
    )

    assert [answer.json()["id"] for answer in answers] == [1] * 5
