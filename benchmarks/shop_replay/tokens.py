"""The tokens of the replay: one a service, fetched from the fleet's issuer."""

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

TOOL = "fleet"  # the issuer's client that may ask for tokens of people
SCOPES = "catalog:read catalog:write orders:read orders:write payments:read"
ROLE = "clerk"  # the replay orders for every customer
ASK_SECONDS = 5.0
LIFE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Issuer:
    """Where tokens come from, and what proves that we may have them.

    Attributes:
        url: Where the issuer answers.
        secret: The secret of the fleet's own tool.
    """

    url: str
    secret: str

    @classmethod
    def of(cls, folder: Path) -> "Issuer | None":
        """Return the issuer of the fleet in a folder.

        Args:
            folder: Where `fleet.toml` is.

        Returns:
            The issuer; None for a fleet that runs without one.
        """
        run = folder / ".fleet" / "run"
        try:
            url = json.loads((run / "map.json").read_text("utf-8"))["issuer"]
            secret = json.loads((run / "clients.json").read_text("utf-8"))[TOOL]
        except (OSError, KeyError):
            return None
        return cls(url, secret)


class Tokens:
    """Tokens for calls to the services, renewed in time. Safe from several tasks."""

    def __init__(self, issuer: Issuer | None, session: aiohttp.ClientSession) -> None:
        """Start without tokens.

        Args:
            issuer: Where they come from; None where nobody asks for any.
            session: What carries the requests.
        """
        self._issuer = issuer
        self._session = session
        self._kept: dict[str, tuple[str, float]] = {}
        self._turn = asyncio.Lock()

    async def headers(self, service: str) -> dict[str, str]:
        """Return the header that a call to a service carries.

        Args:
            service: Who is called.

        Raises:
            aiohttp.ClientError: The issuer gives no token.
        """
        if self._issuer is None:
            return {}
        kept = self._kept.get(service)
        if kept is None or time.monotonic() >= kept[1]:
            async with self._turn:
                kept = self._kept.get(service)
                if kept is None or time.monotonic() >= kept[1]:
                    kept = self._kept[service] = await self._fetched(service)
        return {"Authorization": f"Bearer {kept[0]}"}

    def forget(self, service: str) -> None:
        """Fetch a new token at the next call: the service refused this one.

        Args:
            service: Who refused it.
        """
        self._kept.pop(service, None)

    async def _fetched(self, service: str) -> tuple[str, float]:
        assert self._issuer is not None
        form = {
            "grant_type": "client_credentials",
            "audience": service,
            "subject": "replay",
            "scope": SCOPES,
            "roles": ROLE,
        }
        async with self._session.post(
            f"{self._issuer.url}/token",
            data=form,
            auth=aiohttp.BasicAuth(TOOL, self._issuer.secret),
            timeout=aiohttp.ClientTimeout(total=ASK_SECONDS),
            raise_for_status=True,
        ) as answer:
            found: dict[str, Any] = await answer.json()
        good_until = time.monotonic() + LIFE_SHARE * float(found["expires_in"])
        return str(found["access_token"]), good_until
