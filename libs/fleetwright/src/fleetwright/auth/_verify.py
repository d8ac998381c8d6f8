"""One token to the one it names, or a reason why not.

The rules are those of RFC 8725 and RFC 9068: the algorithm is the key's and never the
token's, keys are only looked up among those of the issuer, an ID token is no access
token.
"""

import base64
import binascii
import hashlib
import json
import re
from typing import Any, Final

from fleetwright._clock import clock
from fleetwright._principal import Principal
from fleetwright.auth._keys import Keys

TOKEN_MAXIMUM_BYTES: Final = 8 * 1024
LEEWAY_SECONDS: Final = 60.0
ALGORITHMS: Final = frozenset(("EdDSA", "ES256", "RS256"))
_TYPES = frozenset(("at+jwt", "application/at+jwt"))
_REMEMBERED = 4096
_FAR = 2**53  # seconds; beyond it no moment is meant
_SHAPE = re.compile(r"[\w-]{2,}\.[\w-]{2,}\.[\w-]{2,}", re.ASCII)
_SUBJECT = re.compile(r"[\x21-\x7e]{1,255}")


class TokenRefused(Exception):  # noqa: N818 - a no, as in Refused
    """A token is not good; the reason is for the log and never for the caller."""


class Verifier:
    """Says whose token it is. Safe to use from several tasks.

    What was verified is remembered, by digest, until it expires or keys change; at
    most 4,096 tokens.
    """

    def __init__(self, *, issuer: str, audience: str, keys: Keys) -> None:
        """Verify tokens for one service.

        Args:
            issuer: What `iss` must be, to the letter.
            audience: Whom the token must be for.
            keys: The issuer's keys.
        """
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._known: dict[bytes, tuple[Principal, float]] = {}
        self._version = keys.version

    async def principal_of(self, token: str) -> Principal:
        """Return whose token it is.

        Args:
            token: A JSON web token, as it came in.

        Returns:
            Who is authenticated by it.

        Raises:
            TokenRefused: It is not good; the text says why.
            Unavailable: It cannot be told, because the issuer's keys are not known.
        """
        if len(token) > TOKEN_MAXIMUM_BYTES:
            raise TokenRefused("longer than 8 KiB")
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        if self._version != self._keys.version:
            self._known.clear()
            self._version = self._keys.version
        known = self._known.get(digest)
        if known is not None:
            if clock().now() < known[1]:
                return known[0]
            raise TokenRefused("expired")
        claims = await self._signed_claims(token)
        principal, until = self._checked(claims)
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[digest] = principal, until
        return principal

    async def _signed_claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a token whose signature is good."""
        import jwt

        if not _SHAPE.fullmatch(token):
            raise TokenRefused("not a signed token")
        head, payload, _ = token.split(".")
        header = _object(head, "header")
        if "crit" in header or header.get("b64") is False:
            raise TokenRefused("crit: it asks for what we do not know")
        if str(header.get("typ")).lower() not in _TYPES:
            raise TokenRefused("typ is not at+jwt")
        if header.get("alg") not in ALGORITHMS:
            raise TokenRefused("alg is not one of ours")
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise TokenRefused("no kid")
        key = await self._keys.find(kid)
        if key is None:
            raise TokenRefused("kid is not one of the issuer's")
        if key.algorithm != header["alg"]:
            raise TokenRefused("alg is not the key's")
        try:
            jwt.PyJWS().decode(token, key.public, algorithms=[key.algorithm])
        except jwt.PyJWTError as error:
            raise TokenRefused("signature is wrong") from error
        return _object(payload, "claims")

    def _checked(self, claims: dict[str, Any]) -> tuple[Principal, float]:
        """Return who it is and until when, of claims that are signed."""
        now = clock().now()
        if claims.get("iss") != self._issuer:
            raise TokenRefused("iss is another")
        audience = claims.get("aud")
        meant = audience if isinstance(audience, list) else [audience]
        if self._audience not in meant:
            raise TokenRefused("aud is another")
        until = _moment(claims, "exp") + LEEWAY_SECONDS
        if now >= until:
            raise TokenRefused("expired")
        for name in ("nbf", "iat"):
            if name in claims and _moment(claims, name) > now + LEEWAY_SECONDS:
                raise TokenRefused(f"{name} is in the future")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
            raise TokenRefused("no sub")
        # RFC 9068, 2.2: without a user, the subject is the client itself.
        is_service = claims.get("client_id") == subject
        scope, roles = claims.get("scope", ""), claims.get("roles", [])
        if not isinstance(scope, str) or not isinstance(roles, list):
            raise TokenRefused("scope or roles are of another type")
        principal = Principal(
            subject,
            "service" if is_service else "user",
            self._issuer,
            frozenset(scope.split()),
            frozenset(role for role in roles if isinstance(role, str)),
        )
        return principal, until


def _object(part: str, what: str) -> dict[str, Any]:
    """Return one part of a token as an object, names given once."""
    try:
        text = base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True)
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_never)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise TokenRefused(f"{what} cannot be read") from error
    if not isinstance(found, dict):
        raise TokenRefused(f"{what} is no object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _never(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _moment(claims: dict[str, Any], name: str) -> float:
    found = claims.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TokenRefused(f"no {name}")
    return float(max(-_FAR, min(found, _FAR)))
