"""FakeIssuer: real tokens for tests, without a network and without waiting."""

import json
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from fleetwright._clock import clock
from fleetwright._principal import Principal
from fleetwright._service import Service
from fleetwright.auth import Access, Gate
from fleetwright.auth._keys import FixedKeys

TESTS: Final = "tests"
_URL: Final = "https://issuer.test"
_LIFE_SECONDS: Final = 300


class FakeIssuer:
    """Signs tokens as a real issuer does, with a key of its own.

    Attributes:
        url: What its tokens say as `iss`.
    """

    def __init__(self, url: str = _URL) -> None:
        """Make a key.

        Args:
            url: What its tokens shall say as `iss`.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self.url = url
        self._kid = uuid.uuid4().hex
        self._key = Ed25519PrivateKey.generate()

    def document(self) -> dict[str, Any]:
        """Return its public key as a JWKS document."""
        from jwt.algorithms import OKPAlgorithm

        key = json.loads(OKPAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [key | {"kid": self._kid, "use": "sig", "alg": "EdDSA"}]}

    def token(
        self,
        audience: str,
        *,
        caller: str = TESTS,
        scopes: Iterable[str] | None = None,
        roles: Iterable[str] = (),
        claims: Mapping[str, object] | None = None,
    ) -> str:
        """Return a token that is good for five minutes.

        Args:
            audience: The service it is for.
            caller: Who shows it: a service, or with `scopes` a user.
            scopes: What a user may do with it; None for the token of a service.
            roles: What the user is.
            claims: Claims to set otherwise; None leaves one out.

        Returns:
            The signed token.
        """
        import jwt

        now = clock().now()
        said: dict[str, object] = {
            "iss": self.url,
            "sub": caller,
            "aud": audience,
            "client_id": caller if scopes is None else "a-client",
            "iat": int(now),
            "exp": int(now) + _LIFE_SECONDS,
            "jti": uuid.uuid4().hex,
            "scope": " ".join(scopes or ()),
            "roles": list(roles),
        } | dict(claims or {})
        kept = {name: value for name, value in said.items() if value is not None}
        head = {"typ": "at+jwt", "kid": self._kid}
        return jwt.encode(kept, self._key, algorithm="EdDSA", headers=head)


@cache
def issuer_of_tests() -> FakeIssuer:
    """Return the issuer that `serving` and `AsgiTransport` have their tokens from."""
    return FakeIssuer()


class _GateOfTests(Gate):
    """The gate of a service under test: its own, and the tests may call everything."""

    def admits(self, access: Access, principal: Principal) -> bool:
        if principal.kind == "service" and principal.subject == TESTS:
            return True
        return super().admits(access, principal)


def trust_tests(service: Service) -> None:
    """Have a service accept the tokens of tests, where it asks for tokens.

    Args:
        service: The service, before it starts.
    """
    gate = service.gate
    routes = gate.routes.values()
    closed = any(one and not one.everyone for one in routes)
    if not closed or gate.is_off or gate.identifies:
        return
    issuer = issuer_of_tests()
    settings = service.settings.model_copy(update={"auth_issuer": issuer.url})
    trusting = _GateOfTests(service.name, settings, keys=FixedKeys(issuer.document()))
    trusting.tables.extend(gate.tables)
    service.gate = trusting


class Credentials:
    """What a client under test shows; a token is renewed in time, as in life."""

    def __init__(
        self,
        service: Service,
        caller: str | None = TESTS,
        scopes: Iterable[str] | None = None,
    ) -> None:
        """Show who calls.

        Args:
            service: Who is called.
            caller: Who calls; None for nobody.
            scopes: What a user may do; None for a service, as the tests are.
        """
        self._service = service
        self._caller = caller
        self._scopes = scopes
        self._shown = ""
        self._until = 0.0

    def headers(self) -> dict[str, str]:
        """Return `Authorization`; empty for nobody, and where nobody is asked."""
        if self._caller is None or not self._service.gate.identifies:
            return {}
        now = clock().now()
        if now >= self._until:
            issuer = issuer_of_tests()
            self._shown = issuer.token(
                self._service.name, caller=self._caller, scopes=self._scopes
            )
            self._until = now + _LIFE_SECONDS / 2
        return {"Authorization": f"Bearer {self._shown}"}


class FakeTokens:
    """What a client under test shows: `rest(...).__part__.tokens = FakeTokens()`."""

    def __init__(
        self, caller: str = TESTS, *, scopes: Iterable[str] | None = None
    ) -> None:
        """Show who calls.

        Args:
            caller: Who calls, as for `serving`.
            scopes: What a user may do; None for a service, as the tests are.
        """
        self._caller = caller
        self._scopes = scopes

    async def token(self, audience: str) -> str:
        """Return a fresh token for calls to one provider.

        Args:
            audience: The provider's name.
        """
        issuer = issuer_of_tests()
        return issuer.token(audience, caller=self._caller, scopes=self._scopes)

    def forget(self, audience: str, token: str) -> None:
        """Keep nothing, so that there is nothing to forget.

        Args:
            audience: The provider's name.
            token: The token.
        """

    async def close(self) -> None:
        """Give back nothing."""
