"""S10: what moves money is done once, and never without a key (OWASP API6:2023)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from fleetwright import Service, Settings
from fleetwright.database import AsyncDatabase
from fleetwright.fastapi import Uses, mount
from fleetwright.idempotency import KeptAnswers
from fleetwright.idempotency.fastapi import KEY_PARAMETER, Idempotent
from fleetwright.testing import serving, unkeyed_posts

Database = Annotated[AsyncDatabase, Uses(AsyncDatabase)]


class Till:
    """Money that was taken.

    Attributes:
        pence: How much.
    """

    pence = 0


def shop(path: Path) -> FastAPI:
    """Return a service whose only route takes money."""
    database = AsyncDatabase(f"sqlite+aiosqlite:///{path}/till.db")
    service = Service("shop", Settings())
    service.add(database)
    service.add(KeptAnswers(database))
    service.add(Till())
    app = FastAPI()

    @app.post("/charges", status_code=201, openapi_extra=KEY_PARAMETER)
    async def charge(
        key: Idempotent, till: Annotated[Till, Uses(Till)], database: Database
    ) -> dict[str, int]:
        async with database.transaction() as transaction:
            await key.claim(transaction)
            till.pence += 100
            await key.keep(transaction, {"pence": till.pence})
        return {"pence": till.pence}

    return mount(app, service)


@pytest.fixture
async def till(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    """Give a client of the service."""
    async with serving(shop(tmp_path)) as http:
        yield http


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "missing_idempotency_key"),
        ({"Idempotency-Key": ""}, "missing_idempotency_key"),
        ({"Idempotency-Key": "two words"}, "odd_idempotency_key"),
        ({"Idempotency-Key": "x" * 256}, "odd_idempotency_key"),
        ({"Idempotency-Key": "tab\tbed"}, "odd_idempotency_key"),
        ({"Idempotency-Key": "caf\xe9".encode("latin-1")}, "odd_idempotency_key"),
        ({"Idempotency-Key": "null\x00"}, "odd_idempotency_key"),
    ],
)
async def test_no_money_moves_without_a_usable_key(
    till: AsyncClient, headers: Any, kind: str
) -> None:
    """400 with the reason, as a problem; the next charge is the first."""
    answer = await till.post("/charges", headers=headers)
    good = await till.post("/charges", headers={"Idempotency-Key": "k-1"})

    assert (answer.status_code, answer.json()["kind"]) == (400, kind)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert good.json() == {"pence": 100}


async def test_repeated_charge_takes_the_money_once(till: AsyncClient) -> None:
    """However often it is sent."""
    answers = [
        await till.post("/charges", headers={"Idempotency-Key": "k-1"})
        for _ in range(3)
    ]

    assert [answer.json() for answer in answers] == [{"pence": 100}] * 3


def test_routes_that_need_no_key_are_named(tmp_path: Path) -> None:
    """A header that may be left out is no key."""
    app = shop(tmp_path)
    assert unkeyed_posts(app.openapi()) == []

    other = FastAPI()

    @other.post("/refunds")
    async def refund() -> None: ...

    @other.post("/charges")
    async def charge(key: Idempotent) -> None: ...

    assert unkeyed_posts(other.openapi()) == ["POST /charges", "POST /refunds"]
