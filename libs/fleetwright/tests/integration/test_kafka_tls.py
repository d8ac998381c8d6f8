"""kafka+ssl://: TLS, and a name with a password (SCRAM)."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from servers import own_server
from structlog.testing import capture_logs

from fleetwright.errors import Unavailable
from fleetwright.events._envelope import Message, new_id
from fleetwright.events._kept import Span
from fleetwright.events.brokers._kafka import KafkaBroker

PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def tls_url() -> Iterator[str]:
    """Give the URL of a Kafka that speaks TLS only and asks for a password."""
    with own_server("kafka", tls=True) as server:
        yield server.url


@pytest.fixture
def topic() -> str:
    """Give a topic nobody else uses."""
    return f"test.{uuid4().hex[:12]}"


def lost(lines: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the log says that there is no broker."""
    return any(line["event"] == "broker.lost" for line in lines)


async def refused(url: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Return why a Kafka cannot be used, with all that was written meanwhile."""
    broker = KafkaBroker(url)
    with capture_logs() as lines:
        await broker.open()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not lost(lines):  # noqa: ASYNC110 - it is asked in another task
                await asyncio.sleep(0.05)
        with pytest.raises(Unavailable) as raised:
            await broker.check()
        await broker.close()
    written = capfd.readouterr()
    return f"{raised.value} {lines} {written.out} {written.err}"


async def test_every_door_shows_its_name_and_password(tls_url: str, topic: str) -> None:
    """Publishing, hearing, looking and hearing again: each is a client of its own."""
    group, message = f"g-{topic}", Message(new_id(), topic, "a", {}, b"x")
    broker = KafkaBroker(tls_url)
    await broker.open()
    receiver = await broker.subscribe(group, [topic])

    refused = await broker.publish([message])

    async with asyncio.timeout(PATIENCE_SECONDS):
        [heard] = await receiver.receive(1)
        await receiver.acknowledge([heard])
        while (await broker.backlog(group, [topic])).total:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await broker.check()
    kept = await broker.kept_seconds([topic])
    span = Span()
    async with aclosing(broker.read(group, topic, span)) as pages:
        again = [one.message.body async for page in pages for one in page]
    await receiver.close()
    await broker.close()
    assert (refused, heard.message.body, again) == ({}, b"x", [b"x"])
    assert kept.keys() == {topic}


async def test_wrong_password_is_told_without_it(
    tls_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the server says, and neither the right nor the wrong password."""
    parts = urlsplit(tls_url)
    place = f"fleet:canary@127.0.0.1:{parts.port}"

    said = await refused(parts._replace(netloc=place).geturl(), capfd)

    assert "uthentication failed" in said
    assert "canary" not in said
    assert str(parts.password) not in said


async def test_unknown_authority_is_not_trusted(
    tls_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """No password is told to a server whose certificate nobody vouches for."""
    url, _, _ = tls_url.partition("&ca=")

    said = await refused(url, capfd)

    assert "certificate" in said
    assert str(urlsplit(tls_url).password) not in said
