"""A streamed answer cut into items: pieces, JSON lines or server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fleetwright._transport import Incoming
from fleetwright.errors import Unavailable
from fleetwright.rest._operation import Operation

LONGEST_LINE_BYTES = 1024 * 1024
_PROBLEM_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event.

    Attributes:
        data: Its text; several lines are joined by line feeds.
        name: What kind of event it is.
        id: Where in the stream it stands; empty where the provider does not say.
    """

    data: str
    name: str = "message"
    id: str = ""


async def items(
    operation: Operation, incoming: Incoming, provider: str
) -> AsyncGenerator[Any, None]:
    """Yield the items of a stream as they come, and close it in the end.

    Args:
        operation: What was called.
        incoming: The answer, its head read.
        provider: Who answers.

    Yields:
        Items of the declared type.

    Raises:
        Unavailable: The stream was cut, came to a halt, or holds what does not fit.
    """
    pieces = _pieces(incoming, operation.idle_seconds)
    try:
        if operation.stream == "bytes":
            async for piece in pieces:
                yield piece
        elif operation.stream == "lines":
            async for line in _lines(pieces):
                if line.strip():
                    yield _value(operation.answer_type, line)
        else:
            async for event in _events(_lines(pieces)):
                yield _of_event(operation.answer_type, event)
    except Unavailable as error:
        error.provider, error.where = provider, operation.where
        raise
    finally:
        await incoming.close()


async def head_of(incoming: Incoming) -> bytes:
    """Return the start of a body, enough for a problem document.

    Args:
        incoming: The answer, its head read.
    """
    whole = b""
    while len(whole) < _PROBLEM_BYTES and (piece := await incoming.read()):
        whole += piece
    return whole


async def _pieces(incoming: Incoming, idle_seconds: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(idle_seconds):
                piece = await incoming.read()
        except TimeoutError:
            raise Unavailable(
                f"the stream said nothing for {idle_seconds:g} s", reason="timeout"
            ) from None
        if not piece:
            return
        yield piece


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield lines without their ends; the last one needs no end."""
    rest = bytearray()
    async for piece in pieces:
        rest += piece
        if b"\n" in piece:
            *whole, last = rest.split(b"\n")
            rest = bytearray(last)
            for line in whole:
                _check(len(line))
                yield bytes(line.removesuffix(b"\r"))
        _check(len(rest))
    if rest:
        yield bytes(rest)


async def _events(lines: AsyncIterator[bytes]) -> AsyncIterator[ServerEvent]:
    """Yield events by the rules of the HTML standard, section 9.2.6.

    Reconnecting is the caller's: `retry` is ignored, an event that was cut is dropped.
    """
    data: list[str] = []
    name, last_id, size = "", "", 0
    async for raw in lines:
        line = raw.decode("utf-8", "replace").removeprefix("\ufeff")
        if not line:
            if data:
                yield ServerEvent("\n".join(data), name or "message", last_id)
            data, name, size = [], "", 0
            continue
        size += len(raw)
        _check(size)
        member, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if member == "data":
            data.append(value)
        elif member == "event":
            name = value
        elif member == "id" and "\0" not in value:
            last_id = value


def _check(length: int) -> None:
    if length > LONGEST_LINE_BYTES:
        raise Unavailable(
            f"a line or an event of the stream is longer than {LONGEST_LINE_BYTES}"
            " bytes",
            reason="invalid_answer",
        )


def _of_event(kind: TypeAdapter[Any] | None, event: ServerEvent) -> Any:
    return event if kind is None else _value(kind, event.data.encode())


def _value(kind: TypeAdapter[Any] | None, text: bytes) -> Any:
    if kind is None:
        return text.decode("utf-8", "replace")
    try:
        return kind.validate_json(text)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in wrong["loc"]) or "the whole"
        raise Unavailable(
            f"an item of the stream does not fit: {place}: {wrong['msg']}",
            reason="invalid_answer",
            hint="compare the model that is read with the provider's contract",
        ) from error
