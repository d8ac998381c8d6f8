"""amqps://: the certificate of the server is verified."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fleetwright.errors import Unavailable
from fleetwright.events.brokers._rabbit import RabbitBroker


def certificate(folder: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rabbit")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "rabbit.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
async def tls_url(rabbit_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """Give the URL of the server behind a listener that speaks TLS."""
    parts = urlsplit(rabbit_url)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate(tmp_path))
    copying: set[asyncio.Task[None]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def pass_on(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there = await asyncio.open_connection(parts.hostname, parts.port)
        copying.add(asyncio.create_task(copy(reader, there[1])))
        copying.add(asyncio.create_task(copy(there[0], writer)))

    listening = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    yield f"amqps://{parts.username}:{parts.password}@127.0.0.1:{port}{parts.path}"
    listening.close()
    for task in copying:
        task.cancel()
    await asyncio.gather(*copying, return_exceptions=True)


async def test_known_authority_is_trusted(tls_url: str, tmp_path: Path) -> None:
    """With the certificate of the authority all goes as without TLS."""
    broker = RabbitBroker(f"{tls_url}?cafile={tmp_path}/rabbit.pem")

    await broker.open()

    await broker.check()
    await broker.close()


async def test_unknown_authority_is_not_trusted(tls_url: str) -> None:
    """No word is spoken with a server whose certificate nobody vouches for."""
    broker = RabbitBroker(tls_url)

    await broker.open()

    with pytest.raises(Unavailable, match="TLS of RabbitMQ is not to be trusted"):
        await broker.check()
    await broker.close()


async def test_certificate_that_cannot_be_read_is_told(tls_url: str) -> None:
    """The file and what to mend, no traceback."""
    broker = RabbitBroker(f"{tls_url}?cafile=/nowhere/ca.pem")

    await broker.open()

    with pytest.raises(Unavailable, match="a certificate cannot be read") as raised:
        await broker.check()
    assert "cafile" in str(raised.value.hint)
    await broker.close()
