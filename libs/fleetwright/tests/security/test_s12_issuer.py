"""S12: the development issuer gives each service tokens of its own."""

import asyncio
import json
import os
import signal
import stat
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient, Response

from fleetwright import Settings, SettingsError
from fleetwright.auth import Gate
from fleetwright.auth._keys import FixedKeys
from fleetwright.auth._verify import Verifier
from fleetwright.issuer import IssuerSettings, create_app

CLIENTS = {"orders": "secret-of-orders", "stock": "secret-of-stock", "fleet": "tool"}
ASKED = {"grant_type": "client_credentials", "audience": "stock"}


def settings_of(**given: Any) -> IssuerSettings:
    """Return the settings of an issuer with three clients."""
    given = {"issuer_clients": json.dumps(CLIENTS), "issuer_url": "http://it"} | given
    return IssuerSettings(**given)


@pytest.fixture
async def issuer() -> AsyncIterator[AsyncClient]:
    """Give a client of an issuer in this process."""
    app = create_app(settings_of())
    service = app.state.fleetwright
    await service.open()
    transport = ASGITransport(app=app)
    async with AsyncClient(transport=transport, base_url="http://it") as http:
        yield http
    await service.close()


async def asking(http: AsyncClient, client: str, **form: str) -> Response:
    """Return the answer to a request for a token."""
    pair = (client, CLIENTS[client])
    return await http.post("/token", data=ASKED | form, auth=pair)


async def verifier_of(http: AsyncClient) -> Verifier:
    """Return what stock verifies the issuer's tokens with."""
    keys = FixedKeys((await http.get("/.well-known/jwks.json")).json())
    gate = Gate("stock", Settings(auth_issuer="http://it"), keys=keys)
    assert gate._verifier is not None
    return gate._verifier


async def test_token_of_a_service_is_accepted_by_whom_it_is_for(
    issuer: AsyncClient,
) -> None:
    """Five minutes long, and not to be kept by anything between."""
    answer = await asking(issuer, "orders")

    told = answer.json()
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 300)
    assert answer.headers["cache-control"] == "no-store"
    principal = await (await verifier_of(issuer)).principal_of(told["access_token"])
    assert str(principal) == "service:orders"
    assert principal.scopes == frozenset()


@pytest.mark.parametrize(
    ("who", "form", "known_as"),
    [
        ("fleet", {"subject": "ada", "scope": "a b", "roles": "clerk"}, "user:ada"),
        ("fleet", {"subject": "orders"}, "service:orders"),
        ("fleet", {}, "user:fleet"),
    ],
)
async def test_tool_asks_for_anybody(
    issuer: AsyncClient, who: str, form: dict[str, str], known_as: str
) -> None:
    """People get scopes and roles; a name of a service is that service."""
    answer = await asking(issuer, who, **form)

    principal = await (await verifier_of(issuer)).principal_of(
        answer.json()["access_token"]
    )
    assert str(principal) == known_as
    assert principal.scopes == frozenset(form.get("scope", "").split())


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"subject": "stock"}, "invalid_request"),
        ({"scope": "stock:write"}, "invalid_request"),
        ({"roles": "clerk"}, "invalid_request"),
        ({"audience": "vault"}, "invalid_target"),
        ({"audience": ""}, "invalid_target"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_service_gets_nothing_but_tokens_of_its_own(
    issuer: AsyncClient, form: dict[str, str], error: str
) -> None:
    """Neither another's, nor scopes, nor one for who is not of the fleet."""
    answer = await asking(issuer, "orders", **form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize(
    "pair", [("orders", "wrong"), ("nobody", ""), ("nobody", "x"), ("", "")]
)
async def test_wrong_secret_gets_no_token(
    issuer: AsyncClient, pair: tuple[str, str]
) -> None:
    """401, whoever it is and whatever is wrong."""
    for answer in (
        await issuer.post("/token", data=ASKED, auth=pair),
        await issuer.post("/token", data=ASKED),
    ):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "body", [b"\xff", b"a", b"a=1&a=2", b"x" * 9000, b"&".join([b"a=b"] * 20)]
)
async def test_odd_form_is_refused(issuer: AsyncClient, body: bytes) -> None:
    """Too long, not a form, or a field twice."""
    answer = await issuer.post(
        "/token", content=body, auth=("orders", CLIENTS["orders"])
    )

    assert answer.status_code in (400, 413)
    assert answer.json()["error"] == "invalid_request"


def test_production_has_no_development_issuer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It refuses by itself, production being the default."""
    monkeypatch.delenv("ENVIRONMENT")

    with pytest.raises(SettingsError, match="does not run in production"):
        create_app(settings_of())


@pytest.mark.parametrize("clients", ["{", "[]", '{"orders": ""}', '{"orders": 1}'])
def test_odd_clients_are_refused(clients: str) -> None:
    """An empty secret would be one that everybody knows."""
    with pytest.raises(SettingsError, match="ISSUER_CLIENTS is not a JSON object"):
        create_app(settings_of(issuer_clients=clients))


async def test_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    """A restart signs with the same key; a file that others read is refused."""
    file = tmp_path / "issuer.pem"
    first = create_app(settings_of(issuer_key_file=file))._key.document()
    again = create_app(settings_of(issuer_key_file=file))._key.document()
    assert first == again
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    file.chmod(0o640)
    with pytest.raises(SettingsError, match="read by others"):
        create_app(settings_of(issuer_key_file=file))
    file.chmod(0o600)
    file.write_text("no key")
    with pytest.raises(SettingsError, match="no Ed25519 key"):
        create_app(settings_of(issuer_key_file=file))


async def test_issuer_runs_as_a_process_and_drains(tmp_path: Path) -> None:
    """`python -m fleetwright.issuer` answers, and ends with 0 when told to."""
    (tmp_path / "clients.json").write_text(json.dumps(CLIENTS))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fleetwright.issuer"),
        cwd=tmp_path,
        env=os.environ
        | {"PORT": "0", "LOG_FORMAT": "json", "ISSUER_CLIENTS_FILE": "clients.json"},
        stdout=PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        ready = json.loads(await process.stdout.readline())
        url = f"http://127.0.0.1:{ready['port']}"
        async with AsyncClient(base_url=url, timeout=60) as http:
            answer = await asking(http, "orders")
        process.send_signal(signal.SIGTERM)
        written = (await process.communicate())[0].decode()

    assert (process.returncode, answer.status_code) == (0, 200)
    assert "secret-of-orders" not in written
    assert answer.json()["access_token"].split(".")[2] not in written
