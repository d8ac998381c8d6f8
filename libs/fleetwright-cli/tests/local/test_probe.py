"""What probes make of answers."""

import asyncio

import pytest

from fleetwright_cli.local._endings import ending
from fleetwright_cli.local._probe import Answer, probe


async def heard(raw: bytes, *, then_silent: bool = False) -> Answer:
    """Return what a probe hears from a server that says these bytes."""
    release = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        if then_silent:
            await release.wait()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await probe(port, "/readyz", timeout_seconds=0.3)
        release.set()
    return answer


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"parts": {"db": "ok", "broker": "gone"}}', ": broker: gone"),
        (b'{"state": "starting", "parts": {}}', ": starting"),
        (b"[]", ""),
        (b"{}", ""),
        (b"<html>", ""),
    ],
)
async def test_a_refusal_is_told_with_its_reason(body: bytes, detail: str) -> None:
    """The wrong parts, else the state, else the status alone."""
    answer = await heard(b"HTTP/1.1 503 No\r\n\r\n" + body)

    assert answer == Answer(503, f"/readyz answered 503{detail}")
    assert not answer.good


async def test_a_yes_without_a_part_is_told_with_its_reason() -> None:
    """A service that is degraded is ready; the person at the terminal sees why."""
    body = b'{"status": "degraded", "parts": {"db": "ok", "broker": "gone"}}'

    answer = await heard(b"HTTP/1.1 200 OK\r\n\r\n" + body)

    assert answer == Answer(200, "goes on without broker: gone")
    assert answer.good


async def test_what_is_no_http_is_no_answer() -> None:
    """A stranger on the port is not taken for the service."""
    assert (await heard(b"SSH-2.0-x\r\n")).status is None


async def test_silence_ends_after_the_time_limit() -> None:
    """A probe never waits longer than told."""
    answer = await heard(b"", then_silent=True)

    assert answer == Answer(None, "no answer from /readyz in 0.3 s")


async def test_a_closed_port_is_no_answer() -> None:
    """Refused connections are the usual case while a service starts."""
    answer = await probe(1, "/livez", timeout_seconds=1)

    assert answer.detail.startswith("no answer from /livez: ")


def test_endings_are_told_in_words() -> None:
    """Signals by their names."""
    assert ending(1) == "exited with code 1"
    assert ending(-11) == "killed by SIGSEGV"
    assert ending(-99) == "killed by signal 99"
