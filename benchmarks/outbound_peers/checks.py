"""What a transport does in trouble, found out by asking it."""

import asyncio
import datetime
import gzip
import importlib.util
import ipaddress
import os
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

Fetch = Callable[[str], Awaitable[object]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def all_checks() -> None:
    """Print the table: a row a question, a column a transport."""
    peers = {
        name: opened
        for name, (needs, opened) in OPENED.items()
        if importlib.util.find_spec(needs) is not None
    }
    print(f"{'':44}" + "".join(f"{name:>14}" for name in peers))
    for question in QUESTIONS:
        answers = []
        for opened in peers.values():
            async with opened() as fetch:
                answers.append(await question(fetch))
        words = (question.__doc__ or "").rstrip(".")
        print(f"{words:44}" + "".join(f"{answer:>14}" for answer in answers))


# -- the questions: each is asked of a server that behaves as it needs


async def verifies(fetch: Fetch) -> str:
    """A certificate nobody signed is refused."""
    async with serving(answer, tls=True) as port:
        return await refused(fetch, f"https://127.0.0.1:{port}/")


async def ignores_environment(fetch: Fetch) -> str:
    """A proxy in the environment is not used."""
    used = asyncio.Event()

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        used.set()

    async with serving(proxy) as there, serving(answer) as port:
        os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = (
            f"http://127.0.0.1:{there}"
        )
        try:
            with suppress(Exception):
                async with asyncio.timeout(1.0):
                    await fetch(f"http://127.0.0.1:{port}/")
        finally:
            del os.environ["HTTP_PROXY"], os.environ["http_proxy"]
    return "no" if used.is_set() else "yes"


async def follows_no_redirect(fetch: Fetch) -> str:
    """A redirect is not followed unasked."""
    followed = asyncio.Event()

    async def target(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        followed.set()
        await answer(reader, writer)

    async with serving(target) as there:
        moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n" % there

        async def move(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(moved + b"Content-Length: 0\r\n\r\n")

        async with serving(move) as port:
            with suppress(Exception):
                await fetch(f"http://127.0.0.1:{port}/")
    return "no" if followed.is_set() else "yes"


async def closes_when_cancelled(fetch: Fetch) -> str:
    """A cancelled call closes its connection."""
    heard, gone = asyncio.Event(), asyncio.Event()

    async def silent(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        heard.set()
        await reader.read()
        gone.set()

    async with serving(silent) as port:
        call = asyncio.ensure_future(fetch(f"http://127.0.0.1:{port}/"))
        await heard.wait()
        call.cancel()
        with suppress(BaseException):
            await call
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await gone.wait()
    return "yes" if gone.is_set() else "no"


async def is_cut_in_the_body(fetch: Fetch) -> str:
    """A deadline cuts a body that drips."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n")
        with suppress(ConnectionError):
            for _ in range(30):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)

    async with serving(drip) as port:
        began = asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await fetch(f"http://127.0.0.1:{port}/")
        return f"{asyncio.get_running_loop().time() - began:.2f} s"


async def bounds_what_it_unpacks(fetch: Fetch) -> str:
    """200 MB of zeros, packed into 200 kB, cost."""
    body = gzip.compress(bytes(200 * 1024 * 1024), 9)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"

    async def bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with suppress(ConnectionError):
            writer.write(head % len(body) + body)
            await writer.drain()

    async with serving(bomb) as port:
        most_megabytes()
        before = most_megabytes()
        with suppress(Exception):
            await fetch(f"http://127.0.0.1:{port}/")
    return f"{most_megabytes() - before:.0f} MB"


async def tells_a_cut(fetch: Fetch) -> str:
    """A body that was cut is an error."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
        )

    async with serving(cut) as port:
        return await refused(fetch, f"http://127.0.0.1:{port}/")


QUESTIONS = (
    verifies,
    ignores_environment,
    follows_no_redirect,
    closes_when_cancelled,
    is_cut_in_the_body,
    bounds_what_it_unpacks,
    tells_a_cut,
)


# -- the transports, as their documents show them


@asynccontextmanager
async def ours() -> AsyncIterator[Fetch]:
    """Give our transport."""
    from fleetwright._transport import AiohttpTransport, Request

    transport = AiohttpTransport()
    await transport.open()
    yield lambda url: transport.exchange(Request("GET", url, {}))
    await transport.close()


@asynccontextmanager
async def aiohttp_bare() -> AsyncIterator[Fetch]:
    """Give aiohttp."""
    import aiohttp

    async with aiohttp.ClientSession() as session:

        async def fetch(url: str) -> object:
            async with session.get(url) as found:
                return await found.read()

        yield fetch


@asynccontextmanager
async def pyreqwest_bare() -> AsyncIterator[Fetch]:
    """Give pyreqwest."""
    from pyreqwest.client import ClientBuilder

    async with ClientBuilder().build() as client:

        async def fetch(url: str) -> object:
            return await (await client.get(url).build().send()).bytes()

        yield fetch


@asynccontextmanager
async def httpx2_bare() -> AsyncIterator[Fetch]:
    """Give httpx2."""
    import httpx2

    async with httpx2.AsyncClient(timeout=None) as client:
        yield lambda url: client.get(url)


OPENED: dict[str, tuple[str, Any]] = {
    "ours": ("aiohttp", ours),
    "aiohttp": ("aiohttp", aiohttp_bare),
    "pyreqwest": ("pyreqwest", pyreqwest_bare),
    "httpx2": ("httpx2", httpx2_bare),
}


# -- servers


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK)


async def refused(fetch: Fetch, url: str) -> str:
    """Return whether fetching raises."""
    try:
        async with asyncio.timeout(3.0):
            await fetch(url)
    except Exception:
        return "yes"
    return "no"


@asynccontextmanager
async def serving(talk: Any, *, tls: bool = False) -> AsyncIterator[int]:
    """Give the port of a server that treats every connection as `talk` says."""

    async def converse(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(
            ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError
        ):
            await talk(reader, writer)
            await writer.drain()
        writer.close()

    context = self_signed() if tls else None
    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def self_signed() -> ssl.SSLContext:
    """Return a context with a certificate nobody signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(
            key.private_bytes(
                encoding,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(encoding)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
    return context


def most_megabytes() -> float:
    """Return the most memory this process has held since it was last asked, in MB."""
    status = Path("/proc/self/status").read_text()
    most = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")
    return int(most.split()[1]) / 1024
