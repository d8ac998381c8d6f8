"""Ask a process of the fleet whether it lives and whether it is ready."""

import asyncio
import json
from dataclasses import dataclass

LONGEST_ANSWER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe heard.

    Attributes:
        status: HTTP status; None when nobody answered.
        detail: The reason in a few words, also of a yes that is a `degraded`; empty
            when all is well.
    """

    status: int | None
    detail: str

    @property
    def good(self) -> bool:
        """Whether the process said yes."""
        return self.status is not None and 200 <= self.status < 300


async def probe(port: int, path: str, *, timeout_seconds: float) -> Answer:
    """Send one GET to 127.0.0.1.

    Args:
        port: Where the process listens.
        path: `/livez` or `/readyz`.
        timeout_seconds: Longest wait for the whole answer.

    Returns:
        The answer; one without status when there was none in time.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            raw = await _exchange(port, path)
    except TimeoutError:
        return Answer(None, f"no answer from {path} in {timeout_seconds:g} s")
    except OSError as error:
        return Answer(None, f"no answer from {path}: {error.strerror or error}")
    return _read(raw, path)


async def _exchange(port: int, path: str) -> bytes:
    """Return the raw answer to one GET."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "User-Agent: fleet-probe\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        raw = b""
        while len(raw) < LONGEST_ANSWER_BYTES:
            chunk = await reader.read(LONGEST_ANSWER_BYTES)
            if not chunk:
                break
            raw += chunk
        return raw
    finally:
        writer.close()


def _read(raw: bytes, path: str) -> Answer:
    """Return status and reason from the bytes of an HTTP answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return Answer(None, f"{path} did not answer in HTTP")
    status = int(words[1])
    said = _document(body)
    if not 200 <= status < 300:
        return Answer(status, f"{path} answered {status}{_because(said)}")
    if said.get("status") == "degraded":
        return Answer(status, f"goes on without{_because(said).removeprefix(':')}")
    return Answer(status, "")


def _document(body: bytes) -> dict[str, object]:
    """Return what a probe's JSON body says; nothing where it is none."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _because(said: dict[str, object]) -> str:
    """Return the reason that a probe's answer gives, as `: reason`."""
    parts = said.get("parts")
    if isinstance(parts, dict):
        wrong = [f"{name}: {found}" for name, found in parts.items() if found != "ok"]
        if wrong:
            return f": {', '.join(wrong)}"
    for key in ("detail", "reason", "state"):
        if isinstance(said.get(key), str):
            return f": {said[key]}"
    return ""
