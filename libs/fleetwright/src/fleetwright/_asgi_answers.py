"""Answers given over ASGI without the application: problems, refusals, guards."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from fleetwright._inbound import OVERLOADED
from fleetwright._problem import MEDIA_TYPE

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

PROBLEM_HEADERS: Final = [(b"content-type", MEDIA_TYPE.encode())]
_TURNED_AWAY: Message = {
    "type": "http.response.start",
    "status": OVERLOADED.status,
    "headers": [
        *PROBLEM_HEADERS,
        *(
            (name.lower().encode(), value.encode())
            for name, value in OVERLOADED.headers.items()
        ),
        (b"content-length", str(len(OVERLOADED.body())).encode()),
    ],
}
_TURNED_AWAY_BODY: Message = {"type": "http.response.body", "body": OVERLOADED.body()}


# What an application does not say itself; a page that is framed says so in its own
# policy, because CSP goes before X-Frame-Options.
_PAGE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (
        b"content-security-policy",
        b"frame-ancestors 'none'; base-uri 'self'; object-src 'none'",
    ),
)


def guarded(start: Message) -> Message:
    """Return the start of a page with the headers that guard browsers."""
    headers = list(start["headers"])
    named = {name.lower() for name, _ in headers}
    headers += [pair for pair in _PAGE_HEADERS if pair[0] not in named]
    return {**start, "headers": headers}


async def nowhere(message: Message) -> None:
    """Send nothing: the answer is out."""


async def turn_away(send: Send, method: str) -> None:
    """Say that there is no place; made once, because it is said when time is scarce."""
    await send(_TURNED_AWAY)
    await send(
        _TURNED_AWAY_BODY if method != "HEAD" else {**_TURNED_AWAY_BODY, "body": b""}
    )


async def answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    head: str = "GET",
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """Send a whole answer; for HEAD only what would precede it."""
    fields = headers or [(b"content-type", b"application/json")]
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status}
    await send(start | {"headers": [*fields, length]})
    await send({"type": "http.response.body", "body": b"" if head == "HEAD" else body})
