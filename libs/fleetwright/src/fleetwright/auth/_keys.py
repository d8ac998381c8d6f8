"""The public keys of the issuer: fetched, kept, served stale while it is away."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from fleetwright._clock import clock
from fleetwright.auth._asking import ask
from fleetwright.errors import Unavailable

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")

_UNKNOWN_SECONDS: Final = 60.0  # least time between fetches for a key nobody knows
_AGAIN_SECONDS: Final = 1.0  # the same while there are no keys at all
_FRESH_SECONDS: Final = 600.0  # then a key the issuer withdrew must be noticed
_KEYS_MAXIMUM: Final = 100
_RSA_BITS: Final = (2048, 8192)


@dataclass(frozen=True, slots=True)
class Key:
    """One public key, good for one algorithm.

    Attributes:
        algorithm: `EdDSA`, `ES256` or `RS256`; never what a token says.
        public: The key itself.
    """

    algorithm: str
    public: Any


class Keys(Protocol):
    """Where the keys of an issuer come from.

    Attributes:
        version: Another number whenever the keys are others.
    """

    version: int

    async def find(self, kid: str) -> Key | None:
        """Return the key of an id, or None when the issuer has no such key."""
        ...

    async def close(self) -> None:
        """Give back what is held."""
        ...


class FixedKeys:
    """Keys that are given, for tests and for issuers without a network."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Keep the keys of a JWKS document.

        Args:
            document: The document, as in RFC 7517.
        """
        self.version = 1
        self._keys = keys_of(document)

    async def find(self, kid: str) -> Key | None:
        """Return the key of an id, or None when there is no such key.

        Args:
            kid: The key's id.
        """
        return self._keys.get(kid)

    async def close(self) -> None:
        """Give back nothing."""


class FetchedKeys:
    """Keys from the issuer's JWKS document. Safe to use from several tasks.

    An unknown key has them fetched again at most once a minute; while the issuer is
    away, the last ones serve.
    """

    def __init__(self, url: str) -> None:
        """Start without keys.

        Args:
            url: Where the document is.
        """
        self.version = 0
        self._url = url
        self._keys: dict[str, Key] = {}
        self._tried_at: float | None = None
        self._fetched_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> Key | None:
        """Return the key of an id, or None when the issuer has no such key.

        Args:
            kid: The key's id.

        Raises:
            Unavailable: There are no keys at all, and the issuer gives none.
        """
        key = self._keys.get(kid)
        if key is None:
            await self._fetched_for_unknown()
            key = self._keys.get(kid)
        elif self._is_old and self._may_try(_UNKNOWN_SECONDS):
            self._fetch()  # beside the call: the old keys serve it
        if key is None and not self._keys:
            raise Unavailable(
                "the issuer's keys are not known yet",
                reason="connect",
                provider="the issuer",
                retry_after_seconds=_AGAIN_SECONDS,
                where=f"AUTH_JWKS_URL={self._url}",
                hint="start the issuer, or mend AUTH_JWKS_URL",
            )
        return key

    @property
    def _is_old(self) -> bool:
        at = self._fetched_at
        return at is None or clock().monotonic() - at >= _FRESH_SECONDS

    def _may_try(self, least_seconds: float) -> bool:
        at = self._tried_at
        return at is None or clock().monotonic() - at >= least_seconds

    async def _fetched_for_unknown(self) -> None:
        """Fetch, or wait for who fetches already; not more often than is decent."""
        least = _UNKNOWN_SECONDS if self._keys else _AGAIN_SECONDS
        running = self._fetching
        if running is None or running.done():
            if not self._may_try(least):
                return
            running = self._fetch()
        # Shielded: who waits may give up, the keys are fetched for all.
        await asyncio.shield(running)

    def _fetch(self) -> asyncio.Task[None]:
        self._tried_at = clock().monotonic()
        self._fetching = asyncio.get_running_loop().create_task(self._fetch_now())
        return self._fetching

    async def _fetch_now(self) -> None:
        try:
            document = json.loads(await ask("GET", self._url))
            keys = keys_of(document)
        except (Unavailable, ValueError) as error:
            _log.warning("keys.unavailable", url=self._url, error=str(error))
            return
        if not keys:
            _log.warning("keys.unavailable", url=self._url, error="no key that serves")
            return
        self._keys, self._fetched_at = keys, clock().monotonic()
        self.version += 1
        _log.info("keys.fetched", url=self._url, keys=len(keys))

    async def close(self) -> None:
        """Stop fetching."""
        running, self._fetching = self._fetching, None
        if running is not None and not running.done():
            running.cancel()
            await asyncio.wait((running,))


def keys_of(document: object) -> dict[str, Key]:
    """Return the keys of a JWKS document that are good enough.

    Args:
        document: The document, as in RFC 7517.

    Returns:
        Keys by their id; symmetric, weak, unknown and nameless ones are left out.

    Raises:
        ValueError: It is no such document.
    """
    found = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(found, list) or len(found) > _KEYS_MAXIMUM:
        raise ValueError("not a JWKS document")
    keys: dict[str, Key] = {}
    for one in found:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig":
            continue
        kid, key = one.get("kid"), _key_of(one)
        if isinstance(kid, str) and key is not None:
            keys.setdefault(kid, key)
    return keys


def _key_of(one: dict[str, Any]) -> Key | None:
    """Return one key with the only algorithm it may be used with."""
    from jwt import PyJWTError
    from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

    kind, curve = one.get("kty"), one.get("crv")
    stated = one.get("alg")
    public = {name: value for name, value in one.items() if name not in _PRIVATE}
    made: Any
    try:
        if (kind, curve) == ("OKP", "Ed25519"):
            algorithm, made = "EdDSA", OKPAlgorithm.from_jwk(public)
        elif (kind, curve) == ("EC", "P-256"):
            algorithm, made = "ES256", ECAlgorithm.from_jwk(public)
        elif kind == "RSA":
            algorithm, made = "RS256", RSAAlgorithm.from_jwk(public)
            least, most = _RSA_BITS
            if not least <= made.key_size <= most or made.public_numbers().e < 3:
                return None
        else:
            return None
    except (PyJWTError, ValueError, TypeError, KeyError) as error:
        _log.warning("key.ignored", kid=str(one.get("kid"))[:64], error=str(error))
        return None
    return Key(algorithm, made) if stated in (None, algorithm) else None


_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))
