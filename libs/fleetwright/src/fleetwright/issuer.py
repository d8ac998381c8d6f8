"""python -m fleetwright.issuer: tokens for a fleet under development.

It answers `/.well-known/jwks.json` and `/token` (OAuth 2.0 client credentials). Keys
are made on the spot; production has an issuer of its own, and this one refuses it.
"""

import hmac
import json
import re
import sys
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, unquote

import structlog
from pydantic import Field, SecretStr

from fleetwright._asgi import Receive, Scope, Send
from fleetwright._issuer_key import SigningKey
from fleetwright._json import to_json
from fleetwright._problem import Problem
from fleetwright._service import Service
from fleetwright._settings import Settings
from fleetwright._worker import WorkerApp
from fleetwright.auth._access import EVERYONE
from fleetwright.errors import SettingsError

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")

KEYS_PATH: Final = "/.well-known/jwks.json"
TOKEN_PATH: Final = "/token"  # noqa: S105 - a path
_MOST_BYTES = 8 * 1024
_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+\-]{0,99}")


class IssuerSettings(Settings):
    """Settings of the development issuer.

    Attributes:
        issuer_url: What its tokens say as `iss`; its own address when left out.
        issuer_clients: Names and secrets of the fleet's services, a JSON object; best
            given as a file by `ISSUER_CLIENTS_FILE`.
        issuer_key_file: Where the signing key is kept, readable by its owner alone; a
            new one is made at every start when left out.
        issuer_tool: The client that may ask for tokens of anybody, for people.
        token_seconds: How long a token is good for, in seconds.
    """

    issuer_url: str = ""
    issuer_clients: SecretStr = SecretStr("{}")
    issuer_key_file: Path | None = None
    issuer_tool: str = "fleet"
    token_seconds: Annotated[int, Field(ge=10, le=3600)] = 300


class IssuerApp(WorkerApp):
    """The ASGI application of the issuer.

    Attributes:
        state: Holds the service, as of every application of ours.
    """

    def __init__(self, service: Service, settings: IssuerSettings) -> None:
        """Issue tokens.

        Args:
            service: The issuer as a service.
            settings: Whom to issue tokens to.

        Raises:
            SettingsError: The clients are no JSON object, or the key cannot be kept.
        """
        super().__init__(service, self.answer)
        self.state = SimpleNamespace(fleetwright=service)
        service.gate.routes_from(
            lambda: {f"GET {KEYS_PATH}": EVERYONE, f"POST {TOKEN_PATH}": EVERYONE}
        )
        own = f"http://{settings.host}:{settings.port}"
        self._url = settings.issuer_url or own
        self._clients = _clients(settings)
        self._tool = settings.issuer_tool
        self._key = SigningKey.of(settings.issuer_key_file)
        self._seconds = settings.token_seconds

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the keys or a token.

        Args:
            scope: What is asked for.
            receive: The request's messages.
            send: The answer's messages.

        Raises:
            Problem: It is neither, or no token is issued; `error` says why, in the
                words of RFC 6749.
        """
        asked = scope["type"], scope.get("method"), scope["path"]
        if asked == ("http", "GET", KEYS_PATH):
            body, kept = self._key.document(), b"max-age=60"
        elif asked == ("http", "POST", TOKEN_PATH):
            client = self._client(scope["headers"])
            form = _form(await _body(receive))
            body, kept = self._issued(client, form), b"no-store"
        elif scope["type"] == "http":
            raise Problem(404, "Not found", kind="not_found")
        else:
            await send({"type": "websocket.close", "code": 1000})
            return
        headers = [(b"content-type", b"application/json"), (b"cache-control", kept)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": to_json(body)})

    def _client(self, headers: list[tuple[bytes, bytes]]) -> str:
        """Return who asks, proved by its secret."""
        found = dict(headers).get(b"authorization", b"").decode("latin-1")
        scheme, _, pair = found.partition(" ")
        try:
            text = b64decode(pair, validate=True).decode() if scheme == "Basic" else ""
        except ValueError:
            text = ""
        name, _, secret = (unquote(part) for part in text.partition(":"))
        known = self._clients.get(name, "")
        # Compared even for an unknown name: the time tells nothing.
        if not hmac.compare_digest(secret.encode(), known.encode()) or not known:
            raise Problem(
                401,
                "Not a client of this issuer",
                headers={"WWW-Authenticate": 'Basic realm="issuer"'},
                error="invalid_client",
            )
        return name

    def _issued(self, client: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer to a request for a token."""
        if form.get("grant_type") != "client_credentials":
            raise _refused("unsupported_grant_type", "client_credentials only")
        audience = form.get("audience", "")
        if audience not in self._clients:
            raise _refused("invalid_target", "audience is no service of this fleet")
        is_tool = client == self._tool
        subject = form.get("subject", client)
        for_others = {"subject", "scope", "roles"} & form.keys()
        if (for_others and not is_tool) or not _SUBJECT.fullmatch(subject):
            raise _refused("invalid_request", "a service has tokens of its own only")
        is_service = subject in self._clients and subject != self._tool
        claims: dict[str, Any] = {
            "iss": self._url,
            "sub": subject,
            "aud": audience,
            # No subject has a slash: a person is never taken for a service.
            "client_id": subject if is_service else f"{client}/tool",
        }
        if not is_service:
            claims["scope"] = form.get("scope", "")
            claims["roles"] = form.get("roles", "").split()
        token = self._key.signed(claims, seconds=self._seconds)
        _log.info("token.issued", client=client, subject=subject, audience=audience)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self._seconds,
        }


def create_app(settings: IssuerSettings | None = None) -> IssuerApp:
    """Return the issuer, ready to be served.

    Args:
        settings: What to run with; read from the environment when None.

    Raises:
        SettingsError: This is production, or the settings are wrong.
    """
    settings = settings or IssuerSettings.load()
    if settings.environment == "production":
        raise SettingsError(
            "the development issuer does not run in production",
            where="ENVIRONMENT=production, which is the default",
            hint="name your own issuer by AUTH_ISSUER, or set ENVIRONMENT=development",
        )
    return IssuerApp(Service("issuer", settings), settings)


def _clients(settings: IssuerSettings) -> dict[str, str]:
    try:
        found = json.loads(settings.issuer_clients.get_secret_value())
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(
        isinstance(secret, str) and secret for secret in found.values()
    ):
        raise SettingsError(
            "ISSUER_CLIENTS is not a JSON object of names and secrets",
            where="read by IssuerSettings.issuer_clients",
            hint='set ISSUER_CLIENTS={"orders": "<secret>"}',
        )
    return found


async def _body(receive: Receive) -> bytes:
    """Return the body of a request, as long as it is short."""
    pieces = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Problem(400, "The request was cut")
        piece: bytes = message.get("body", b"")
        pieces += piece
        if len(pieces) > _MOST_BYTES:
            raise Problem(413, "Too long", error="invalid_request")
        if not message.get("more_body", False):
            return pieces


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=10)
    except ValueError as error:
        raise _refused("invalid_request", "send a form") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _refused("invalid_request", "a field stands twice")
    return form


def _refused(error: str, why: str) -> Problem:
    return Problem(400, "No token", detail=why, error=error)


if __name__ == "__main__":
    from fleetwright.serve import main

    sys.exit(main(["fleetwright.issuer:create_app"]))
