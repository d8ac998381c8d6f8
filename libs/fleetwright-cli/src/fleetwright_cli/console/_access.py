"""Who may look: a token once, then a cookie; our own Host and Origin only."""

import hmac
import json
import secrets
import time
from collections import deque
from dataclasses import asdict, dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_WRONG = 10  # wrong tokens a minute
WRONG_SECONDS = 60.0
POLICY = (
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none';"
    " base-uri 'none'; form-action 'self'; object-src 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
OTLP_HEADER = "x-otlp-api-key"
WRITE_HEADER = "x-fleet-console"  # a form of another site cannot send it
TOOLS_PATH = "/mcp"  # for programs, which show the token with every call
OPEN_PATHS = frozenset({"/livez", "/readyz"})


@dataclass(frozen=True, slots=True)
class Keys:
    """What the console knows of itself, kept for the owner of the fleet alone.

    Attributes:
        port: Where it listens on 127.0.0.1.
        token: Shown once by a browser.
        otlp_key: Sent by services with what they export.
    """

    port: int
    token: str
    otlp_key: str

    @classmethod
    def read(cls, file: Path) -> "Keys":
        """Return what a file holds.

        Args:
            file: Written by the supervisor.

        Raises:
            OSError: There is no such file.
            ValueError: It is spoilt.
        """
        try:
            return cls(**json.loads(file.read_text("utf-8")))
        except TypeError as error:
            raise ValueError("these are no keys of a console") from error

    @property
    def cookie(self) -> str:
        """Return the name of the cookie: two fleets in one browser have two."""
        return f"fleet_console_{self.port}"

    @property
    def session(self) -> str:
        """Return what the cookie holds: proof of the token, not the token."""
        return hmac.new(self.token.encode(), b"session", "sha256").hexdigest()

    def text(self) -> str:
        """Return what is kept in the file."""
        return json.dumps(asdict(self))


class Access:
    """Lets in who proves to be the fleet's owner, and nobody else."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        """Stand before an application.

        Args:
            app: What is guarded.
            keys: The token, the key of OTLP and the port.
        """
        self._app = app
        self._keys = keys
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = frozenset(f"{name}:{keys.port}" for name in names)
        self._origins = frozenset(f"http://{host}" for host in self._hosts)
        self._wrong: deque[float] = deque(maxlen=MOST_WRONG)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal, or hand the call on with our headers on its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answer.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope, headers)
        await (refusal or self._app)(scope, receive, sent)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """Return why a call is not let in; None when it is."""
        path = scope["path"]
        if path in OPEN_PATHS:
            return None
        if headers.get("host") not in self._hosts:
            return PlainTextResponse("this name is not ours", 421)
        if path.startswith("/v1/"):
            given = headers.get(OTLP_HEADER, "")
            return None if _same(given, self._keys.otlp_key) else _no("no OTLP key")
        if headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
            if path != "/login" and scope["method"] != "GET":
                return PlainTextResponse("another site asks", 403)
            if headers.get("sec-fetch-mode") != "navigate":
                return PlainTextResponse("another site asks", 403)
        if path == "/login":
            return self._login(scope)
        if path == TOOLS_PATH and "origin" not in headers:
            return self._wrong_token(_bearer(headers))  # no page can send this
        return self._unknown(headers) or self._write_refusal(scope, headers)

    def _write_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """Refuse what would change something without coming from our own page."""
        if headers.get("origin", "") not in ({""} | self._origins):
            return PlainTextResponse("another site asks", 403)
        if scope["method"] in ("GET", "HEAD"):
            return None
        if "origin" not in headers or headers.get(WRITE_HEADER) != "1":
            return PlainTextResponse("only our own pages may ask for this", 403)
        return None

    def _unknown(self, headers: Headers) -> Response | None:
        """Refuse who has neither the cookie nor, as a program, the token."""
        given = _bearer(headers)
        if given and "origin" not in headers:
            return self._wrong_token(given)
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        found = cookies.get(self._keys.cookie)
        if found is not None and _same(found.value, self._keys.session):
            return None
        return _no("open the address that `fleet open` prints")

    def _wrong_token(self, given: str) -> Response | None:
        """Refuse a token that is not ours; after ten of them none is looked at."""
        first = self._wrong[0] if len(self._wrong) == MOST_WRONG else None
        if first is not None and time.monotonic() - first < WRONG_SECONDS:
            return PlainTextResponse("too many wrong tokens, wait a minute", 429)
        if _same(given, self._keys.token):
            return None
        self._wrong.append(time.monotonic())
        return _no("this token is not ours; `fleet open` prints the address")

    def _login(self, scope: Scope) -> Response:
        """Exchange the token for a cookie; it leaves the address at once."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("t", [""])[0]
        refusal = self._wrong_token(given)
        if refusal is not None:
            return refusal
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            self._keys.cookie,
            self._keys.session,
            httponly=True,
            samesite="strict",
            path="/",
        )
        return answer


def _bearer(headers: Headers) -> str:
    """Return the token that a program shows; empty for none."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given if scheme.lower() == "bearer" else ""


def _no(words: str) -> Response:
    return PlainTextResponse(words, 401)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def new_secret() -> str:
    """Return 256 bits that fit into an address and a header."""
    return secrets.token_urlsafe(32)
