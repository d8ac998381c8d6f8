"""What the server says to a request it does not read on; made once, as bytes."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from fleetwright._json import to_json

HEADER_BYTES: Final = 8 * 1024
HEAD_BYTES: Final = 32 * 1024
HEADERS: Final = 100
URL_BYTES: Final = 8 * 1024
METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, ready to be sent.

    Attributes:
        reason: Why, in one word, for logs and counters.
        answer: The whole answer: a problem, and that the connection ends.
    """

    reason: str
    answer: bytes


class NotRead(Exception):  # noqa: N818 - leaves the parser, never the protocol
    """A request is not read on.

    Attributes:
        refusal: What to say.
    """

    def __init__(self, refusal: Refusal) -> None:
        """Keep what to say.

        Args:
            refusal: What to say.
        """
        super().__init__(refusal.reason)
        self.refusal = refusal


def _refusal(status: int, kind: str, detail: str, *headers: str) -> Refusal:
    title = HTTPStatus(status).phrase
    members = {"type": "about:blank", "title": title, "status": status}
    body = to_json(members | {"detail": detail, "kind": kind})
    lines = (
        f"HTTP/1.1 {status} {title}",
        "content-type: application/problem+json",
        f"content-length: {len(body)}",
        *headers,
        "connection: close",
    )
    return Refusal(kind, "\r\n".join(lines).encode() + b"\r\n\r\n" + body)


MALFORMED: Final = _refusal(400, "malformed", "The request is not HTTP/1.1.")
AMBIGUOUS: Final = _refusal(400, "ambiguous", "Where the request ends is not clear.")
NO_HOST: Final = _refusal(400, "no_host", "Exactly one Host header is needed.")
TWO_TYPES: Final = _refusal(400, "ambiguous", "At most one Content-Type header.")
TOO_MANY: Final = _refusal(
    400, "too_many_pipelined", "Wait for answers before asking on."
)
NO_METHOD: Final = _refusal(
    405, "no_such_method", f"One of {METHODS}.", f"allow: {METHODS}"
)
TOO_SLOW: Final = _refusal(408, "too_slow", "The request did not come in time.")
URL_TOO_LONG: Final = _refusal(414, "url_too_long", f"At most {URL_BYTES} bytes.")
OTHER_HOST: Final = _refusal(421, "other_host", "This host is not served here.")
HEAD_TOO_LARGE: Final = _refusal(
    431,
    "head_too_large",
    f"At most {HEADERS} headers, {HEADER_BYTES} bytes each, {HEAD_BYTES} together.",
)
