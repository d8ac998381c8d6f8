"""The tokens a service shows to others: fetched once, kept, renewed in time."""

import asyncio
import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote, urlencode

import structlog

from fleetwright._clock import clock
from fleetwright._secrets import remember_secret
from fleetwright._settings import Settings
from fleetwright.auth._asking import ask
from fleetwright.errors import DeadlineExceeded, SettingsError, Unavailable

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")

_RENEW_SHARE: Final = 0.8  # of its life; then a new one is fetched beside the calls
_AGAIN_SECONDS: Final = 1.0  # least time between tries while the issuer is away
_REREAD_SECONDS: Final = 30.0  # files change when whoever writes them renews a token


class TokenSource(Protocol):
    """Where the tokens of a service come from."""

    async def token(self, audience: str) -> str:
        """Return a token for calls to one provider.

        Args:
            audience: The provider's name.

        Returns:
            A token that is good now.

        Raises:
            Unavailable: There is none to be had.
        """
        ...

    def forget(self, audience: str, token: str) -> None:
        """Do not hand this token out again: the provider refused it.

        Args:
            audience: The provider's name.
            token: The token.
        """
        ...

    async def close(self) -> None:
        """Give back what is held."""
        ...


async def token_for(tokens: TokenSource, provider: str) -> str:
    """Return a token for calls to a provider, in an attempt to call it.

    Args:
        tokens: Where tokens come from.
        provider: Who it is for.

    Returns:
        A token that is good now.

    Raises:
        Unavailable: There is none; `rejected`, for nothing was sent to the provider: an
            issuer that is away says nothing about it.
    """
    try:
        return await tokens.token(provider)
    except Unavailable as error:
        if isinstance(error, DeadlineExceeded) or error.reason == "rejected":
            raise
        raise Unavailable(
            f"no token for {provider}: {error.message}",
            reason="rejected",
            provider=error.provider,
            retry_after_seconds=error.retry_after_seconds,
            where=error.where,
            hint=error.hint
            or "start the issuer; in a fleet on this machine: fleet restart issuer",
        ) from error


@dataclass(frozen=True, slots=True)
class _Kept:
    """A token in hand, with moments of the monotonic clock."""

    token: str
    renew_at: float
    until: float


class ClientCredentials:
    """Tokens by OAuth 2.0 client credentials. Safe to use from several tasks.

    One fetch at a time for each audience; a token is renewed after 80 % of its life,
    and serves to its end while the issuer is away.
    """

    def __init__(self, url: str, client_id: str, secret: str) -> None:
        """Start without tokens.

        Args:
            url: The issuer's token endpoint.
            client_id: Who asks: the name of the service.
            secret: What proves it.
        """
        self._url = url
        # RFC 6749, 2.3.1: both are form-encoded before they are joined.
        pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
        self._basic = "Basic " + b64encode(pair.encode()).decode()
        self._kept: dict[str, _Kept] = {}
        self._fetching: dict[str, asyncio.Task[_Kept]] = {}
        self._tried_at: dict[str, float] = {}
        self._failed: dict[str, Unavailable] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def token(self, audience: str) -> str:
        """Return a token for calls to one provider.

        Args:
            audience: The provider's name.

        Returns:
            A token that is good now.

        Raises:
            Unavailable: The issuer gives none, and there is none left.
        """
        now = clock().monotonic()
        kept = self._kept.get(audience)
        if kept is not None and now < kept.renew_at:
            return kept.token
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._fetching = loop, {}
        fetching = self._fetching.get(audience)
        if kept is not None and now < kept.until:
            if fetching is None and self._may_try(audience, now):
                self._fetch(audience)
            return kept.token
        failed = self._failed.get(audience)
        if fetching is None and failed and not self._may_try(audience, now):
            raise failed.with_traceback(None)
        # Shielded: who waits may give up, the token is fetched for all.
        return (await asyncio.shield(fetching or self._fetch(audience))).token

    def forget(self, audience: str, token: str) -> None:
        """Do not hand this token out again: the provider refused it.

        Args:
            audience: The provider's name.
            token: The token.
        """
        kept = self._kept.get(audience)
        if kept is not None and kept.token == token:
            del self._kept[audience]

    async def close(self) -> None:
        """Stop fetching."""
        running = list(self._fetching.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def _may_try(self, audience: str, now: float) -> bool:
        at = self._tried_at.get(audience)
        return at is None or now - at >= _AGAIN_SECONDS

    def _fetch(self, audience: str) -> asyncio.Task[_Kept]:
        self._tried_at[audience] = clock().monotonic()
        task = asyncio.get_running_loop().create_task(self._fetch_now(audience))
        self._fetching[audience] = task
        task.add_done_callback(lambda done: self._fetched(audience, done))
        return task

    def _fetched(self, audience: str, task: asyncio.Task[_Kept]) -> None:
        if self._fetching.get(audience) is task:
            del self._fetching[audience]
        self._failed.pop(audience, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, Unavailable):
                self._failed[audience] = error
            _log.warning("token.unavailable", audience=audience, error=str(error))

    async def _fetch_now(self, audience: str) -> _Kept:
        asked = {"grant_type": "client_credentials", "audience": audience}
        body = await ask(
            "POST",
            self._url,
            headers={
                "Authorization": self._basic,
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode(asked).encode(),
        )
        try:
            answer = json.loads(body)
            token, life_seconds = answer["access_token"], float(answer["expires_in"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                "the issuer's answer holds no token",
                reason="invalid_answer",
                provider="the issuer",
                where=f"TOKEN_URL={self._url}",
                hint="TOKEN_URL must be an OAuth 2.0 token endpoint",
            ) from error
        now = clock().monotonic()
        kept = _Kept(token, now + _RENEW_SHARE * life_seconds, now + life_seconds)
        self._kept[audience] = kept
        _log.info("token.fetched", audience=audience, life_seconds=life_seconds)
        return kept


class TokenFiles:
    """Tokens that somebody else keeps fresh in a folder, one file an audience."""

    def __init__(self, folder: Path) -> None:
        """Read tokens from a folder.

        Args:
            folder: Where `orders` is the file with the token for orders.
        """
        self._folder = folder
        self._kept: dict[str, _Kept] = {}

    async def token(self, audience: str) -> str:
        """Return a token for calls to one provider, read anew every 30 seconds.

        Args:
            audience: The provider's name.

        Returns:
            The content of the file.

        Raises:
            Unavailable: There is no such file.
        """
        now = clock().monotonic()
        kept = self._kept.get(audience)
        if kept is not None and now < kept.renew_at:
            return kept.token
        file = self._folder / audience
        try:
            text = file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable(
                f"no token for {audience}: {error}",
                reason="rejected",
                where=f"TOKEN_DIRECTORY={self._folder}",
                hint=f"mount a token whose audience is {audience} as {file}",
            ) from error
        again = now + _REREAD_SECONDS
        self._kept[audience] = _Kept(text, again, again)
        return text

    def forget(self, audience: str, token: str) -> None:
        """Read the file again at the next call.

        Args:
            audience: The provider's name.
            token: The token.
        """
        self._kept.pop(audience, None)

    async def close(self) -> None:
        """Give back nothing."""


def token_source(service: str, settings: Settings) -> TokenSource | None:
    """Return where a service has its tokens from, or None when nobody says.

    Args:
        service: Its name; it is the client id too.
        settings: `TOKEN_DIRECTORY`, else `TOKEN_URL` and `TOKEN_CLIENT_SECRET`.

    Raises:
        SettingsError: There is an endpoint and no secret for it.
    """
    if settings.token_directory is not None:
        return TokenFiles(settings.token_directory)
    if not settings.token_url:
        return None
    if settings.token_client_secret is None:
        raise SettingsError(
            "TOKEN_CLIENT_SECRET is not set",
            where=f"{service} fetches its tokens from TOKEN_URL={settings.token_url}",
            hint="set TOKEN_CLIENT_SECRET, or TOKEN_CLIENT_SECRET_FILE to a file",
        )
    secret = settings.token_client_secret.get_secret_value()
    remember_secret(secret)
    return ClientCredentials(settings.token_url, service, secret)
