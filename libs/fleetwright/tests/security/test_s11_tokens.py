"""S11: a token is good in every respect, or it is as none."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI
from httpx2 import AsyncClient
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from fleetwright import Service, Settings
from fleetwright._clock import clock as current_clock
from fleetwright.auth import Gate, allow
from fleetwright.auth._keys import FixedKeys, keys_of
from fleetwright.fastapi import Caller, mount
from fleetwright.testing import FakeClock, FakeIssuer, serving

ISSUER = "https://issuer.test"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_BITS = 1024
WEAK_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=WEAK_BITS)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_CURVE = ec.generate_private_key(ec.SECP384R1())


class Mint:
    """Makes tokens, good ones and bad ones, for the service `orders`."""

    def __init__(self) -> None:
        """Make the keys of an issuer and of a stranger."""
        self.issuer = FakeIssuer(ISSUER)
        self.stranger = FakeIssuer(ISSUER)
        self.kid = self.document()["keys"][0]["kid"]

    def document(self) -> dict[str, Any]:
        """Return the issuer's keys: three that serve and three that must not."""
        keys = self.issuer.document()["keys"]
        keys += [
            named("rsa", RSAAlgorithm.to_jwk(RSA_KEY.public_key())),
            named("ec", ECAlgorithm.to_jwk(EC_KEY.public_key())),
            named("weak", RSAAlgorithm.to_jwk(WEAK_RSA_KEY.public_key())),
            named("curve", ECAlgorithm.to_jwk(OTHER_CURVE.public_key())),
            {"kid": "oct", "kty": "oct", "k": b64(b"secret" * 8)},
        ]
        return {"keys": keys}

    def good(self, **claims: object) -> str:
        """Return a good token of the storefront, its claims changed."""
        return self.issuer.token("orders", caller="storefront", claims=claims)

    def made(self, header: dict[str, Any], **claims: object) -> str:
        """Return a token whose header is changed, signed with the right key."""
        return self.signed(self.good(**claims), header, self.issuer._key)

    def signed(
        self, good: str, header: dict[str, Any], key: Any, algorithm: str = "EdDSA"
    ) -> str:
        """Return the claims of a good token under another header and key."""
        claims = jwt.decode(good, options={"verify_signature": False})
        head = {"typ": "at+jwt", "kid": self.kid} | header
        return jwt.encode(claims, key, algorithm=algorithm, headers=head)

    def unsigned(self, header: dict[str, Any], signature: bytes = b"") -> str:
        """Return the claims of a good token under a header, signed as given."""
        _, claims, _ = self.good().split(".")
        return f"{text_of(header)}.{claims}.{b64(signature)}"

    def confused(self) -> str:
        """Return HS256 whose secret is the issuer's public key."""
        public = RSA_KEY.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )
        head = text_of({"alg": "HS256", "typ": "at+jwt", "kid": "rsa"})
        said = f"{head}.{self.good().split('.')[1]}"
        return f"{said}.{b64(hmac.digest(public, said.encode(), hashlib.sha256))}"

    def tampered(self) -> str:
        """Return a good token whose claims were changed afterwards."""
        head, _, signature = self.good().split(".")
        return f"{head}.{self.good(sub='payments').split('.')[1]}.{signature}"


def named(kid: str, key: str) -> dict[str, Any]:
    """Return a key of a JWKS document under an id."""
    found: dict[str, Any] = json.loads(key)
    return found | {"kid": kid, "use": "sig"}


def b64(data: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text_of(header: dict[str, Any]) -> str:
    """Return a header as it stands in a token."""
    return b64(json.dumps(header).encode())


def now() -> int:
    """Return the time of day in whole seconds."""
    return int(current_clock().now())


BAD: dict[str, Callable[[Mint], str]] = {
    "alg none": lambda m: m.unsigned({"alg": "none", "typ": "at+jwt", "kid": m.kid}),
    "alg none, signed": lambda m: m.unsigned(
        {"alg": "none", "typ": "at+jwt", "kid": m.kid}, b"x" * 64
    ),
    "alg nOnE": lambda m: m.unsigned({"alg": "nOnE", "typ": "at+jwt", "kid": m.kid}),
    "HS256 with the public key": lambda m: m.confused(),
    "HS256 with an oct key of the issuer": lambda m: m.signed(
        m.good(), {"kid": "oct"}, b"secret" * 8, "HS256"
    ),
    "alg of another key": lambda m: m.signed(m.good(), {"kid": "rsa"}, m.issuer._key),
    "PS256, not on the list": lambda m: m.signed(
        m.good(), {"kid": "rsa"}, RSA_KEY, "PS256"
    ),
    "ES384, not on the list": lambda m: m.signed(
        m.good(), {"kid": "curve"}, OTHER_CURVE, "ES384"
    ),
    "weak RSA key": lambda m: m.signed(
        m.good(), {"kid": "weak"}, WEAK_RSA_KEY, "RS256"
    ),
    "another's signature": lambda m: m.signed(m.good(), {}, m.stranger._key),
    "tampered claims": lambda m: m.tampered(),
    "no signature": lambda m: m.good().rpartition(".")[0] + ".",
    "unknown kid": lambda m: m.made({"kid": "nobody"}),
    "no kid": lambda m: m.unsigned({"alg": "EdDSA", "typ": "at+jwt"}, b"x" * 64),
    "jku of the attacker": lambda m: m.signed(
        m.good(), {"kid": "mine", "jku": "http://127.0.0.1:9/jwks"}, m.stranger._key
    ),
    "x5u of the attacker": lambda m: m.signed(
        m.good(), {"kid": "mine", "x5u": "http://127.0.0.1:9/x5"}, m.stranger._key
    ),
    "jwk in the header": lambda m: m.signed(
        m.good(),
        {"jwk": json.loads(OKPAlgorithm.to_jwk(m.stranger._key.public_key()))},
        m.stranger._key,
    ),
    "crit": lambda m: m.made({"crit": ["exp"], "exp": now() + 60}),
    "b64 false": lambda m: m.unsigned(
        {"alg": "EdDSA", "typ": "at+jwt", "kid": m.kid, "b64": False}, b"x" * 64
    ),
    "ID token": lambda m: m.made({"typ": "JWT"}),
    "no typ": lambda m: m.made({"typ": None}),
    "another iss": lambda m: m.good(iss=ISSUER + "/"),
    "no iss": lambda m: m.good(iss=None),
    "another aud": lambda m: m.good(aud="payments"),
    "aud as a part of the name": lambda m: m.good(aud="orders2"),
    "no aud": lambda m: m.good(aud=None),
    "expired": lambda m: m.good(exp=now() - 61),
    "no exp": lambda m: m.good(exp=None),
    "exp as text": lambda m: m.good(exp=str(now() + 60)),
    "exp true": lambda m: m.good(exp=True),
    "nbf in the future": lambda m: m.good(nbf=now() + 61),
    "iat in the future": lambda m: m.good(iat=now() + 3600),
    "no sub": lambda m: m.good(sub=None),
    "sub with a line break": lambda m: m.good(sub="storefront\nX"),
    "longer than 8 KiB": lambda m: m.good(padding="x" * 8192),
    "not a token": lambda m: "hello",
    "five parts": lambda m: "a.b.c.d.e",
    "header is a list": lambda m: f"{text_of([])}.e30.c2ln",  # type: ignore[arg-type]
    "claims are no JSON": lambda m: f"{m.good().split('.')[0]}.c2ln.c2ln",
    "claims nested deep": lambda m: f"{b64(b'[' * 4000)}.e30.c2ln",
    "base64 with a line break": lambda m: m.good()[:20] + "%0A" + m.good()[20:],
}


@pytest.fixture
def mint() -> Mint:
    """Give an issuer whose tokens the service of these tests accepts."""
    return Mint()


@pytest.fixture
async def orders(mint: Mint) -> AsyncIterator[AsyncClient]:
    """Serve a route that storefront may call, to clients that show nothing."""
    service = Service("orders", Settings())
    settings = Settings(auth_issuer=ISSUER)
    service.gate = Gate("orders", settings, keys=FixedKeys(mint.document()))
    app = FastAPI()

    @app.post("/v1/orders")
    @allow("storefront")
    async def place(caller: Caller) -> str:
        return str(caller)

    async with serving(mount(app, service), caller=None) as http:
        yield http


async def shown(http: AsyncClient, value: str) -> tuple[int, str | None, str]:
    """Return status, challenge and body of a call; the trace id is left out."""
    answer = await http.post("/v1/orders", headers={"Authorization": value})
    body = answer.json()
    body = body if isinstance(body, str) else body | {"instance": ""}
    return answer.status_code, answer.headers.get("WWW-Authenticate"), str(body)


async def test_good_token_is_let_in(orders: AsyncClient, mint: Mint) -> None:
    """The control: without it, all others could be refused for no reason."""
    for good in (
        mint.good(),
        mint.good(aud=["shop", "orders"]),
        mint.good(exp=now() - 50),
        mint.good(nbf=now() + 50),
        mint.made({"typ": "application/at+jwt"}),
        mint.signed(mint.good(), {"kid": "rsa"}, RSA_KEY, "RS256"),
        mint.signed(mint.good(), {"kid": "ec"}, EC_KEY, "ES256"),
        mint.made({"jku": "http://127.0.0.1:9/", "x5u": "http://127.0.0.1:9/"}),
    ):
        answer = await shown(orders, f"Bearer {good}")
        assert answer == (200, None, "service:storefront")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("name", BAD)
async def test_bad_token_is_refused_like_every_other(
    orders: AsyncClient, mint: Mint, name: str
) -> None:
    """Each gets 401 and the very body that a call without a token gets."""
    without = await orders.post("/v1/orders")
    expected = (401, "Bearer", str(without.json() | {"instance": ""}))

    assert await shown(orders, f"Bearer {BAD[name](mint)}") == expected


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer\t"])
async def test_odd_credentials_are_none(orders: AsyncClient, value: str) -> None:
    """What is no bearer token at all is answered as if nothing had been sent."""
    status, challenge, _ = await shown(orders, value)

    assert (status, challenge) == (401, "Bearer")


async def test_two_tokens_are_none(orders: AsyncClient, mint: Mint) -> None:
    """Which of two headers counts must not depend on who reads them."""
    pair = [("Authorization", f"Bearer {mint.good()}")] * 2

    answer = await orders.post("/v1/orders", headers=pair)

    assert answer.status_code == 401


async def test_remembered_token_expires_all_the_same(clock: FakeClock) -> None:
    """What was verified once is not good for longer than it says."""
    mint = Mint()
    gate = Gate("orders", Settings(auth_issuer=ISSUER), keys=FixedKeys(mint.document()))
    verifier = gate._verifier
    assert verifier is not None
    token = mint.good()
    assert str(await verifier.principal_of(token)) == "service:storefront"
    assert await verifier.principal_of(token) is await verifier.principal_of(token)

    clock.advance(361)

    with pytest.raises(Exception, match="expired"):
        await verifier.principal_of(token)


async def test_verified_tokens_are_remembered_up_to_a_bound() -> None:
    """An attacker with many good tokens cannot fill the memory."""
    mint = Mint()
    gate = Gate("orders", Settings(auth_issuer=ISSUER), keys=FixedKeys(mint.document()))
    verifier = gate._verifier
    assert verifier is not None
    for _ in range(4100):
        await verifier.principal_of(mint.good())

    assert len(verifier._known) == 4096


def test_keys_that_are_too_weak_or_secret_are_left_out() -> None:
    """Of the issuer's keys only those serve that a token may be signed with."""
    mint = Mint()

    assert set(keys_of(mint.document())) == {mint.kid, "rsa", "ec"}


@pytest.mark.parametrize("document", [[], {}, {"keys": {}}, {"keys": [{}] * 101}])
def test_what_is_no_jwks_document_is_refused(document: Any) -> None:
    """A page of a proxy does not become an empty set of keys."""
    with pytest.raises(ValueError, match="not a JWKS document"):
        keys_of(document)
