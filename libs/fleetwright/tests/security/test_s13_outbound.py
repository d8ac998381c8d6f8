"""S13: calls go to named destinations only, and nothing they bring fills the memory."""

import asyncio
import gzip
import ipaddress
import socket
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Protocol

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import BaseModel

from fleetwright._context import bind, new_call
from fleetwright._egress import Address, Egress, is_public
from fleetwright._transport import AiohttpTransport, Request
from fleetwright.errors import DeclarationError, Unavailable
from fleetwright.resilience import Pipeline, Timeout
from fleetwright.rest import get, rest

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"
BANK = "https://api.bank.example"


class Balance(BaseModel):
    """What is read."""

    pence: int


class Bank(Protocol):
    """A provider outside of the fleet."""

    @get("/v1/balance")
    async def balance(self) -> Balance:
        """Return it."""
        ...


class Names(AbstractResolver):
    """A resolver that answers what it is told to, and the next time the next."""

    def __init__(self, *answers: list[str]) -> None:
        """Answer with these addresses; the last answer stays."""
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Answer."""
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Do nothing."""


@asynccontextmanager
async def listening(
    answer: bytes = OK + b'{"pence": 7}', host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Give the port of a server, and the heads of the requests it gets."""
    heard: list[bytes] = []

    async def converse(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                heard.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(converse, host, port)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()


@asynccontextmanager
async def opened(egress: Egress | None) -> AsyncIterator[AiohttpTransport]:
    """Give an open transport."""
    transport = AiohttpTransport(egress=egress)
    await transport.open()
    try:
        yield transport
    finally:
        await transport.close()


# What stands for this machine, its network or its cloud, in all its spellings. PORT is
# where a server listens that must never be called.
INSIDE = [
    "http://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0x7f.0.0.1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://017700000001:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://localhost:PORT/",
    "http://[::1]:PORT/",
    "http://[::]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://172.16.0.1/",
    "http://100.100.100.200/",
    "http://[64:ff9b::7f00:1]:PORT/",
    "http://api.bank.example@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@api.bank.example/",
    "http://api.bank.example.evil.example/",
    "http://127.0.0.1:PORT#@api.bank.example/",
    "http://api%2ebank.example/",
    "http://api.bank.example./",
    "http://\uff41pi.bank.example/",
    "https://api.bank.example:444/",
    "ftp://api.bank.example/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:PORT/",
]


@pytest.mark.parametrize("url", INSIDE)
async def test_url_that_is_not_of_the_origin_is_not_called(url: str) -> None:
    """By name: whatever the URL resolves to, its origin was not allowed."""
    async with listening() as (port, heard), opened(Egress([BANK])) as transport:
        with pytest.raises(Unavailable) as caught:
            await transport.exchange(Request("GET", url.replace("PORT", f"{port}"), {}))

    assert caught.value.reason == "rejected"
    assert heard == []


# Names a resolver of the system turns into an address of this machine: allowed by
# mistake, they are still refused for where they lead.
@pytest.mark.parametrize(
    "host", ["localhost", "0x7f000001", "0x7f.0.0.1", "0x0", "0x7f.1"]
)
async def test_allowed_name_that_leads_inside_is_not_called(host: str) -> None:
    """By address: what the name means decides."""
    async with listening() as (port, heard):
        origin = f"http://{host}:{port}"
        async with opened(Egress([origin])) as transport:
            with pytest.raises(
                Unavailable, match="not an address of the public"
            ) as caught:
                await transport.exchange(Request("GET", f"{origin}/", {}))

    assert caught.value.reason == "rejected"
    assert heard == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1 127.255.255.254 0.0.0.0 10.1.2.3 172.31.0.1 192.168.0.1",
        "169.254.169.254 100.64.0.1 100.100.100.200 192.0.0.192 198.18.0.1",
        "203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16",
        "::1 :: ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 fe80::1 fc00::1",
        "fd00:ec2::254 ff02::1 2001:db8::1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1",
        "2002:7f00:1:: 2002:a00:1:: 2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_address_that_is_not_public_is_known(address: str) -> None:
    """Private, shared, link-local, loopback, reserved, multicast, and wrapped ones."""
    for one in address.split():
        assert not is_public(ipaddress.ip_address(one)), one


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"]
)
def test_address_that_is_public_is_known(address: str) -> None:
    """The control: without it, everything could be refused."""
    assert is_public(ipaddress.ip_address(address))


async def test_one_bad_address_of_several_is_enough() -> None:
    """The connection could be made to any of them."""
    names = Names(["93.184.216.34", "127.0.0.1"])
    async with listening() as (port, heard):
        origin = f"http://bank.example:{port}"
        async with opened(Egress([origin], resolver=names)) as transport:
            with pytest.raises(Unavailable, match="not an address of the public"):
                await transport.exchange(Request("GET", origin + "/", {}))

    assert heard == []


def only_first(address: Address) -> bool:
    """Take 127.0.0.1 for a public address, and all others for what they are."""
    return str(address) == "127.0.0.1"


async def test_name_that_changes_its_meaning_changes_nothing() -> None:
    """Rebinding: resolved once a connection, connected to what was checked."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with (
        listening() as (port, first),
        listening(host="127.0.0.2", port=port) as (_, second),
    ):
        origin = f"http://bank.example:{port}"
        egress = Egress([origin], resolver=names, is_allowed=only_first)
        async with opened(egress) as transport:
            request = Request("GET", origin + "/", {})
            answer = await transport.exchange(request)
        async with opened(egress) as transport:
            with pytest.raises(Unavailable, match="not an address of the public"):
                await transport.exchange(request)

    assert answer.body == b'{"pence": 7}'
    assert names.asked == ["bank.example"] * 2
    assert (len(first), second) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_not_followed(status: int) -> None:
    """Neither out of the origin nor within it; nothing travels on."""
    async with listening() as (inside, heard):
        moved = (
            f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{inside}/\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()
        async with listening(moved) as (port, _):
            origin = f"http://bank.example:{port}"
            egress = Egress(
                [origin], resolver=Names(["127.0.0.1"]), is_allowed=only_first
            )
            async with opened(egress) as transport:
                headers = {"Authorization": "Bearer secret"}
                answer = await transport.exchange(Request("GET", origin, headers))

    assert answer.status == status
    assert heard == []


async def test_nothing_of_the_fleet_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is outside learns neither our trace nor who calls, nor a token."""

    class Tokens:
        async def token(self, provider: str) -> str:
            raise AssertionError("a token was asked for")

    async with listening() as (port, heard):
        origin = f"http://bank.example:{port}"
        monkeypatch.setenv("BANK_URL", origin)
        bank: Any = rest(Bank, provider="bank", external=(origin,))
        part = bank.__part__
        part.tokens = Tokens()
        part._egress = Egress(
            [origin], resolver=Names(["127.0.0.1"]), is_allowed=only_first
        )
        with bind(new_call("orders")):
            assert await bank.balance() == Balance(pence=7)
        await part.close()

    names = {
        line.split(b":")[0].lower() for line in heard[0].split(b"\r\n")[1:] if line
    }
    assert names == {b"host", b"user-agent", b"accept", b"accept-encoding"}


async def test_destination_outside_must_be_declared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment alone cannot send a client elsewhere."""
    monkeypatch.setenv("BANK_URL", "https://evil.example")
    bank: Any = rest(
        Bank,
        provider="bank",
        external=(BANK,),
        pipeline=Pipeline("bank", Timeout(1.0)),
    )

    with pytest.raises(Unavailable, match="of no origin this client may call"):
        await bank.__part__.open()


@pytest.mark.parametrize(
    "origin",
    [
        "api.bank.example",
        "https://api.bank.example/v1",
        "https://user@api.bank.example",
        "https://10.0.0.1",
        "https://[::1]",
        "ftp://api.bank.example",
        "https://*.bank.example",
        "https://",
    ],
)
def test_origin_that_is_none_is_refused_where_it_is_declared(origin: str) -> None:
    """Scheme and name, nothing else; an address is no name."""
    with pytest.raises(DeclarationError, match="hint: write scheme and name"):
        rest(Bank, provider="bank", external=(origin,))


def resident_bytes() -> int:
    """Return how much memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def packed(size: int) -> bytes:
    """Return an answer of zeros that unpacks to `size` bytes."""
    packing = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    mega = bytes(1024 * 1024)
    body = b"".join(packing.compress(mega) for _ in range(size // len(mega)))
    body += packing.compress(bytes(size % len(mega))) + packing.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


@pytest.mark.parametrize("way", ["whole", "piecewise"])
async def test_gzip_bomb_is_refused_and_costs_little(way: str) -> None:
    """200 MB in 200 kB: an error, and the memory hardly grows."""
    bomb = packed(200 * 1024 * 1024)
    async with listening(bomb) as (port, _), opened(None) as transport:
        request = Request("GET", f"http://127.0.0.1:{port}/", {})
        before = resident_bytes()
        with pytest.raises(Unavailable, match="unpacks to more than 100") as caught:
            if way == "whole":
                await transport.exchange(request)
            else:
                incoming = await transport.begin(request)
                try:
                    while await incoming.read():
                        pass
                finally:
                    await incoming.close()
        growth = resident_bytes() - before

    assert caught.value.reason == "invalid_answer"
    assert growth < 30 * 1024 * 1024


async def test_answer_is_measured_after_it_was_unpacked() -> None:
    """Ten megabytes are the most, also of what shrinks moderately."""
    text = Random(13).randbytes(6 * 1024 * 1024).hex().encode()  # noqa: S311
    body = gzip.compress(text, 1)
    assert len(text) < 100 * len(body)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    answer = head % len(body) + body
    async with listening(answer) as (port, _), opened(None) as transport:
        with pytest.raises(Unavailable, match="longer than 10485760 bytes"):
            await transport.exchange(Request("GET", f"http://127.0.0.1:{port}/", {}))


async def test_honest_packed_answer_is_read() -> None:
    """The control: packing itself is fine."""
    async with listening(packed(900_000)) as (port, _), opened(None) as transport:
        url = f"http://127.0.0.1:{port}/"
        answer = await transport.exchange(Request("GET", url, {}))

    assert answer.body == bytes(900_000)
