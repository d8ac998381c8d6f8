"""Requests sent twice are done once, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Body, FastAPI
from httpx2 import AsyncClient, Response
from pydantic import BaseModel
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.event import listen
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import Problem, Service, Settings
from fleetwright._clock import SystemClock, use_clock
from fleetwright._context import bind, new_call
from fleetwright._principal import Principal
from fleetwright._problem import Answered
from fleetwright.database import AsyncDatabase, Database
from fleetwright.errors import DeclarationError, FleetwrightError
from fleetwright.fastapi import Uses, mount
from fleetwright.idempotency import (
    AsyncIdempotencyKey,
    IdempotencyKey,
    KeptAnswers,
    kept_answers,
)
from fleetwright.idempotency import _rows as rows
from fleetwright.idempotency.fastapi import KEY_PARAMETER, Idempotent
from fleetwright.testing import serving

effects = Table(
    "effects", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer)
)
Own = Annotated[AsyncDatabase, Uses(AsyncDatabase)]
Send = Callable[..., Awaitable[Response]]


class Later(SystemClock):
    """A clock that is ahead.

    Attributes:
        ahead_seconds: By how much.
    """

    ahead_seconds = 0.0

    def now(self) -> float:
        """Return the time of day, ahead."""
        return super().now() + self.ahead_seconds


class Made(BaseModel):
    """What the handler answers."""

    id: int
    n: int


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[AsyncDatabase]:
    """Give a database with the tables, empty."""
    url = f"sqlite+aiosqlite:///{tmp_path}/own.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    database = AsyncDatabase(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(effects.metadata.drop_all)
        await connection.run_sync(effects.metadata.create_all)
        await connection.run_sync(kept_answers.metadata.drop_all)
    yield database
    await database.close()


def shop(database: AsyncDatabase) -> FastAPI:
    """Return a service whose only handler writes a row a call."""
    service = Service("shop", Settings())
    service.add(database)
    service.add(KeptAnswers(database))
    app = FastAPI()

    @app.post("/effects/{n}", status_code=201, openapi_extra=KEY_PARAMETER)
    async def make(
        n: int, key: Idempotent, database: Own, body: Annotated[Any, Body()] = None
    ) -> Made:
        async with database.transaction() as transaction:
            await key.claim(transaction)
            made = await effect(transaction, n)
            await key.keep(transaction, made, headers={"Location": f"/{made.id}"})
        return made

    return mount(app, service)


async def effect(transaction: AsyncSession, n: int) -> Made:
    """Write a row; refuse unlucky numbers after it was written."""
    new = insert(effects).values(n=n).returning(effects.c.id)
    id = int(await transaction.scalar(new) or 0)
    if n == 13:
        raise Problem(409, "Unlucky", kind="unlucky")
    return Made(id=id, n=n)


@pytest.fixture
async def http(database: AsyncDatabase) -> AsyncIterator[AsyncClient]:
    """Give a client of the service."""
    async with serving(shop(database)) as http:
        yield http


@pytest.fixture
def send(http: AsyncClient) -> Send:
    """Return how the effect is asked for."""

    async def sending(n: int = 1, key: str = "k-1", body: str = "{}") -> Response:
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        return await http.post(f"/effects/{n}", headers=headers, content=body)

    return sending


async def count(database: AsyncDatabase) -> int:
    """Return how many effects there were."""
    async with database.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(effects)) or 0)


def asked(fingerprint: str = "f", principal: str = "") -> AsyncIdempotencyKey:
    """Return a key as a handler gets it."""
    return AsyncIdempotencyKey("POST /effects/{n}", principal, "k-1", fingerprint)


async def test_repetition_gets_the_first_answer_and_does_nothing(
    send: Send, database: AsyncDatabase
) -> None:
    """Status, body and headers of the first, marked as replayed."""
    first, second = await send(), await send()

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json() == {"id": 1, "n": 1}
    assert second.headers["Location"] == "/1"
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert await count(database) == 1


async def test_spelling_of_json_does_not_make_another_request(send: Send) -> None:
    """Neither spacing nor the order of members counts."""
    await send(body='{"a": 1, "b": [2]}')

    assert (await send(body='{"b":[2],"a":1}')).headers["Idempotency-Replayed"] == (
        "true"
    )


async def test_twins_at_once_have_one_effect(
    send: Send, database: AsyncDatabase
) -> None:
    """Whoever comes first does it; the others get its answer."""
    answers = await asyncio.gather(*(send() for _ in range(5)))

    assert {answer.status_code for answer in answers} == {201}
    assert [answer.json()["id"] for answer in answers] == [1] * 5
    replayed = [answer.headers.get("Idempotency-Replayed") for answer in answers]
    assert sorted(map(str, replayed)) == ["None"] + ["true"] * 4
    assert await count(database) == 1


async def test_twins_in_two_processes_have_one_effect(
    database: AsyncDatabase, send: Send
) -> None:
    """The database decides, not the memory of a process."""
    url = database.engine.url.render_as_string(hide_password=False)
    async with AsyncExitStack() as stack:
        others = [
            await stack.enter_async_context(serving(shop(AsyncDatabase(url))))
            for _ in range(2)
        ]
        headers = {"Idempotency-Key": "k-1"}
        answers = await asyncio.gather(
            *(
                other.post("/effects/1", headers=headers, json={})
                for other in others * 4
            )
        )

    assert [answer.json()["id"] for answer in answers] == [1] * 8
    assert await count(database) == 1


async def test_key_belongs_to_one_request(send: Send, database: AsyncDatabase) -> None:
    """Another body or another path under it is refused and does nothing."""
    await send()

    for answer in (await send(body='{"more": 1}'), await send(n=2)):
        assert (answer.status_code, answer.json()["kind"]) == (
            422,
            "idempotency_key_reused",
        )
    assert await count(database) == 1


async def test_refused_request_leaves_its_key_free(
    send: Send, database: AsyncDatabase
) -> None:
    """The claim is undone with the effect; the same key may be tried again."""
    first, second = await send(n=13), await send(n=13)

    assert (first.json()["kind"], second.json()["kind"]) == ("unlucky", "unlucky")
    assert (await send(n=1)).status_code == 201
    assert await count(database) == 1


async def test_callers_do_not_meet_under_one_key(database: AsyncDatabase) -> None:
    """Each principal has keys of its own: nobody reads another's answer."""
    await KeptAnswers(database).make_table()
    for principal in ("ada", "bob"):
        async with database.transaction() as transaction:
            await asked(principal=principal).claim(transaction)
            await asked(principal=principal).keep(transaction, {"of": principal})

    async with database.reading() as session:
        with pytest.raises(Answered) as caught:
            await asked(principal="bob").replay(session)
    assert caught.value.body == b'{"of":"bob"}'


async def test_work_under_way_is_not_begun_again(database: AsyncDatabase) -> None:
    """A claim that was committed without an answer says: ask again soon."""
    await KeptAnswers(database).make_table()
    async with database.transaction() as transaction:
        await asked().claim(transaction)

    for ask in (asked().claim, asked().replay):
        with pytest.raises(Problem) as caught:
            async with database.transaction() as transaction:
                await ask(transaction)
        assert caught.value.status == 409
        assert caught.value.headers == {"Retry-After": "1"}


async def test_abandoned_work_is_taken_over_once(database: AsyncDatabase) -> None:
    """Whoever claimed it is dead after a minute; one of those who ask again goes on."""
    await KeptAnswers(database).make_table()
    async with database.transaction() as transaction:
        await asked("old").claim(transaction)
    later = Later()
    later.ahead_seconds = rows.ABANDONED_SECONDS + 1

    with use_clock(later):
        async with database.transaction() as transaction:
            await asked("new").replay(transaction)
            await asked("new").claim(transaction)
        with pytest.raises(Problem) as caught:
            async with database.transaction() as transaction:
                await asked("new").claim(transaction)
    assert caught.value.status == 409

    # The dead one was only slow: its answer is refused, its effect undone.
    with pytest.raises(FleetwrightError, match="was not claimed"):
        async with database.transaction() as transaction:
            await asked("old").keep(transaction, {})


def test_abandoned_work_is_taken_over_by_one_of_two_at_once(postgres_url: str) -> None:
    """Between the look and the taking somebody else may have taken it."""
    database = Database(postgres_url)
    kept_answers.drop(database.engine, checkfirst=True)
    kept_answers.create(database.engine)
    key = IdempotencyKey("POST /effects/{n}", "", "k-1", "f")
    with database.transaction() as transaction:
        key.claim(transaction)
    later = Later()
    later.ahead_seconds = rows.ABANDONED_SECONDS + 1
    others: list[bool] = []

    def before(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("UPDATE") and not others:
            others.append(True)
            with database.transaction() as other:
                key.claim(other)

    listen(database.engine, "before_cursor_execute", before)
    with (
        use_clock(later),
        pytest.raises(Problem) as caught,
        database.transaction() as transaction,
    ):
        key.claim(transaction)
    database.engine.dispose()

    assert others == [True]
    assert caught.value.status == 409


async def test_twin_does_not_wait_for_ever(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL: a transaction that holds the key too long is told as 409."""
    monkeypatch.setattr(rows, "_WAIT_MILLISECONDS", 50)
    database = AsyncDatabase(postgres_url)
    async with database.engine.begin() as connection:
        await connection.run_sync(kept_answers.metadata.drop_all)
    await KeptAnswers(database).make_table()

    async with database.transaction() as first:
        await asked().claim(first)
        with pytest.raises(Problem) as caught:
            async with database.transaction() as second:
                await asked().claim(second)
        # The limit is of the claim alone, not of what follows it.
        assert await first.scalar(text("show lock_timeout")) == "0"
    await database.close()

    assert caught.value.status == 409


async def test_old_answers_are_forgotten_and_young_ones_kept(
    send: Send, database: AsyncDatabase
) -> None:
    """After 24 hours a key is new again."""
    later = Later()
    await send(key="old")
    later.ahead_seconds = 23 * 3600
    with use_clock(later):
        await send(key="young")
        assert await KeptAnswers(database).purge() == 0
    later.ahead_seconds = 24 * 3600 + 1
    with use_clock(later):
        assert await KeptAnswers(database).purge() == 1

    assert "Idempotency-Replayed" not in (await send(key="old")).headers
    assert "Idempotency-Replayed" in (await send(key="young")).headers


async def test_answer_is_kept_only_for_a_claimed_key(database: AsyncDatabase) -> None:
    """A handler that forgot to claim is told so; the mend is in the error."""
    await KeptAnswers(database).make_table()

    with pytest.raises(FleetwrightError, match=r"hint: call claim\(transaction\)"):
        async with database.transaction() as transaction:
            await asked().keep(transaction, {})


def test_answers_are_kept_for_a_while_at_least() -> None:
    """Zero hours would keep nothing."""
    with pytest.raises(DeclarationError, match="use more than 0"):
        KeptAnswers(AsyncDatabase("sqlite+aiosqlite://"), keep_hours=0)


def test_key_carries_who_is_authenticated() -> None:
    """Names that do not fit are told apart by their digest."""
    asking: dict[str, Any] = {"route": "r", "method": "POST", "path": "/", "body": b""}
    names = []
    for principal in (
        None,
        Principal("ada", "user"),
        Principal("ada", "user", issuer="https://other"),
        Principal("ada", "service"),
        Principal("s" * 300, "user"),
        Principal("s" * 301, "user"),
    ):
        with bind(replace(new_call("shop"), principal=principal)):
            names.append(AsyncIdempotencyKey.of("k", **asking).name)

    assert names[:2] == ["k", "user:ada k"]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < 80
