"""amqps://: the certificate of the server is verified."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from servers import own_server
from structlog.testing import capture_logs

from fleetwright.errors import Unavailable
from fleetwright.events._envelope import Message, new_id
from fleetwright.events.brokers._rabbit import RabbitBroker

PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def tls_url() -> Iterator[str]:
    """Give the URL of a server that speaks TLS only, with who vouches for it."""
    with own_server("rabbit", tls=True) as server:
        yield server.url


async def test_known_authority_is_trusted(tls_url: str) -> None:
    """With the certificate of the authority all goes as without TLS."""
    message = Message(new_id(), "orders.placed", "a", {}, b"x")
    broker = RabbitBroker(tls_url)
    await broker.open()
    receiver = await broker.subscribe("bank", ["orders.placed"])

    refused = await broker.publish([message])

    async with asyncio.timeout(PATIENCE_SECONDS):
        [heard] = await receiver.receive(1)
    await receiver.acknowledge([heard])
    await broker.check()
    left = await broker.backlog("bank", ["orders.placed"])
    await receiver.close()
    await broker.close()
    assert (refused, heard.message.body, left.total) == ({}, b"x", 0)


async def test_unknown_authority_is_not_trusted(tls_url: str) -> None:
    """No word is spoken with a server whose certificate nobody vouches for."""
    broker = RabbitBroker(tls_url.partition("?")[0])

    await broker.open()

    with pytest.raises(Unavailable, match="TLS of RabbitMQ is not to be trusted"):
        await broker.check()
    await broker.close()


async def test_certificate_that_cannot_be_read_is_told(tls_url: str) -> None:
    """The file and what to mend, no traceback."""
    broker = RabbitBroker(f"{tls_url.partition('?')[0]}?cafile=/nowhere/ca.pem")

    await broker.open()

    with pytest.raises(Unavailable, match="a certificate cannot be read") as raised:
        await broker.check()
    assert "cafile" in str(raised.value.hint)
    await broker.close()


async def test_wrong_password_is_told_without_it(tls_url: str) -> None:
    """The server's refusal, with the URL masked."""
    parts = urlsplit(tls_url)
    place = parts._replace(netloc=f"fleet:canary@127.0.0.1:{parts.port}")
    broker = RabbitBroker(place.geturl())

    with capture_logs() as lines:
        await broker.open()
        with pytest.raises(Unavailable) as raised:
            await broker.check()
        await broker.close()

    assert "canary" not in f"{raised.value}{lines}"
