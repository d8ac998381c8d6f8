"""S14: a header that says who calls proves nothing."""

import pytest
import structlog
from fastapi import FastAPI

from fleetwright import Service, Settings
from fleetwright._context import current_call
from fleetwright.auth import allow, public
from fleetwright.fastapi import mount
from fleetwright.testing import serving

CLAIMS = {
    "Fleet-Caller": "payments",
    "Fleet-Principal": "service:payments",
    "X-Forwarded-User": "payments",
    "X-Forwarded-Client-Cert": "By=spiffe://fleet/orders;URI=spiffe://fleet/payments",
}


def desk() -> FastAPI:
    """Return a service with a closed and an open route that say who calls."""
    app = FastAPI()

    def told() -> list[str | None]:
        call = current_call()
        assert call is not None
        return [call.caller, str(call.principal) if call.principal else None]

    @app.get("/closed")
    @allow("payments", "storefront")
    async def closed() -> list[str | None]:
        return told()

    @app.get("/open")
    @public
    async def anyone() -> list[str | None]:
        return told()

    return mount(app, Service("desk", Settings()))


async def test_claimed_caller_opens_nothing() -> None:
    """Without a token a caller that is allowed by name is a stranger."""
    async with serving(desk(), caller=None) as http:
        closed = await http.get("/closed", headers=CLAIMS)
        anyone = await http.get("/open", headers=CLAIMS)

    assert closed.status_code == 401
    assert anyone.json() == [None, None]


async def test_service_open_to_everyone_believes_no_claim_either() -> None:
    """The one that faces the outside asks nobody, and logs nobody it cannot know."""
    app = FastAPI()

    @app.get("/")
    @public
    async def anyone() -> str:
        return "hello"

    with structlog.testing.capture_logs() as logged:
        async with serving(mount(app, Service("shop", Settings()))) as http:
            await http.get("/", headers=CLAIMS | {"Authorization": "Bearer a.b.c"})

    assert logged[-1]["event"] == "call.answered"
    assert logged[-1]["caller"] is None


@pytest.mark.parametrize("path", ["/closed", "/open"])
async def test_proved_caller_goes_before_the_claimed_one(path: str) -> None:
    """Handlers and the canonical line see who proved it, not who was named."""
    with structlog.testing.capture_logs() as logged:
        async with serving(desk(), caller="storefront") as http:
            told = (await http.get(path, headers=CLAIMS)).json()

    assert told == ["storefront", "service:storefront"]
    line = logged[-1]
    assert [line["caller"], line["principal"]] == told


async def test_token_never_reaches_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a good token nor a bad one is written anywhere."""
    async with serving(desk(), caller="storefront") as http:
        good = (await http.get("/closed")).request.headers["Authorization"]
        bad = good[:-6] + "canary"
        await http.get("/closed", headers={"Authorization": bad})

    written = capsys.readouterr().out
    assert "token.refused" in written
    assert good.split(".")[1] not in written
    assert "canary" not in written
