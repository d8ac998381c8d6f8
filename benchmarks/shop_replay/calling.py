"""Calls to a shop whose services may be killed at any moment."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp

from fleetwright.errors import FleetwrightError
from shop_replay.tokens import Tokens

TRY_AGAIN = frozenset({401, 429, 502, 503, 504})
ATTEMPT_SECONDS = 15.0
FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 1.0


class UnansweredError(FleetwrightError):
    """A call got no answer that counts within its bound."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered.

    Attributes:
        status: The HTTP status; below 500 and not 429.
        body: The decoded JSON body; None when it is empty.
    """

    status: int
    body: Any

    @property
    def refusal_kind(self) -> str | None:
        """Why the call was refused; None when it was not."""
        if self.status < 400:
            return None
        kind = self.body.get("kind") if isinstance(self.body, dict) else None
        return kind if isinstance(kind, str) else f"http_{self.status}"


class Shop:
    """The HTTP side of a running shop.

    Each call is repeated with the same key until an answer counts, at least once and
    bounded by `bound_seconds`. Safe to call from several tasks.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        session: aiohttp.ClientSession,
        *,
        tokens: Tokens | None = None,
        bound_seconds: float = 120.0,
        random: Random | None = None,
    ) -> None:
        """Keep where the services are.

        Args:
            urls: Base URL by the service's name.
            session: What carries the calls; the caller closes it.
            tokens: What the calls show; nothing when left out.
            bound_seconds: Longest time for one call, repeats included.
            random: Where the jitter of the waits comes from.
        """
        self._urls = {name: url.rstrip("/") for name, url in urls.items()}
        self._session = session
        self._tokens = tokens or Tokens(None, session)
        self._bound_seconds = bound_seconds
        self._random = random or Random()
        self.repeats: Counter[str] = Counter()

    async def call(
        self, method: str, service: str, path: str, body: object, key: str | None = None
    ) -> Answer:
        """Return the answer of one call, asking again while none counts.

        Args:
            method: The HTTP method.
            service: The service's name.
            path: Path of the operation, already quoted.
            body: What to send, as JSON.
            key: The call's Idempotency-Key, the same on every repeat.

        Returns:
            An answer with a status below 500.

        Raises:
            UnansweredError: No answer counted in time, or the service failed (500).
        """
        last = "never tried"
        wait_seconds = FIRST_WAIT_SECONDS
        try:
            async with asyncio.timeout(self._bound_seconds):
                while True:
                    found = await self._attempt(method, service, path, body, key)
                    if isinstance(found, Answer):
                        return found
                    last = found
                    self.repeats[f"{service}: {last}"] += 1
                    await asyncio.sleep(wait_seconds * self._random.uniform(0.5, 1.0))
                    wait_seconds = min(2 * wait_seconds, LONGEST_WAIT_SECONDS)
        except TimeoutError as error:
            raise UnansweredError(
                f"{service} gave no answer in {self._bound_seconds:g} s; last: {last}",
                where=f"{method} {path} key={key}",
                hint=f"read .fleet/run/logs of {service}",
            ) from error

    async def _attempt(
        self, method: str, service: str, path: str, body: object, key: str | None
    ) -> Answer | str:
        """Return the answer, or in a word why there is none that counts."""
        headers = {} if key is None else {"Idempotency-Key": key}
        try:
            headers |= await self._tokens.headers(service)
            async with self._session.request(
                method,
                self._urls[service] + path,
                json=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=ATTEMPT_SECONDS),
            ) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__
        if response.status == 401:
            self._tokens.forget(service)
        if response.status in TRY_AGAIN:
            return f"http_{response.status}"
        if response.status >= 500:
            raise UnansweredError(
                f"{service} failed with {response.status}: {text[:300]}",
                where=f"{method} {path} key={key}",
                hint=f"read .fleet/run/logs of {service}",
            )
        try:
            return Answer(response.status, json.loads(text) if text else None)
        except ValueError:
            return "not_json"
