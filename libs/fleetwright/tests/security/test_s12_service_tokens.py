"""S12: a service shows a token of its own to those it calls, and to nobody else."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Protocol

import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from fleetwright import DeadlineExceeded, Refused, Service, Settings, Unavailable
from fleetwright._deadline import Deadline
from fleetwright._secrets import mask
from fleetwright._transport import Request, Response
from fleetwright.auth import allow
from fleetwright.auth._tokens import ClientCredentials, TokenFiles, token_source
from fleetwright.errors import SettingsError
from fleetwright.fastapi import mount
from fleetwright.resilience import CircuitBreaker, Pipeline, Retry, Timeout
from fleetwright.rest import Header, get, post, rest
from fleetwright.testing import AsgiTransport, FakeClock, FakeIssuer, serving

SECRET = "a secret: with odd/characters"


class Shelf(Protocol):
    """What orders calls."""

    @get("/v1/things")
    async def things(self) -> str:
        """Return what is there."""
        ...

    @post("/v1/things")
    async def add(self) -> str:
        """Add a thing."""
        ...


class Vault(Protocol):
    """What is called on behalf of a user."""

    @get("/v1/things")
    async def things(self, *, shown: Annotated[str, Header("Authorization")]) -> str:
        """Return what the user has there."""
        ...


class Paper:
    """A transport that notes what was sent and answers as told.

    Attributes:
        sent: The requests.
        statuses: What to answer with, one a request; 200 afterwards.
    """

    def __init__(self, *statuses: int) -> None:
        """Answer with these statuses first."""
        self.sent: list[Request] = []
        self.statuses = list(statuses)

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def exchange(self, request: Request) -> Response:
        """Note the request."""
        self.sent.append(request)
        status = self.statuses.pop(0) if self.statuses else 200
        headers = {"content-type": "application/json"}
        return Response(status, headers, b'"thing"' if status == 200 else b"{}")

    @property
    def tokens(self) -> list[str | None]:
        """What was shown with each request."""
        return [request.headers.get("Authorization") for request in self.sent]


@pytest.fixture
async def orders(issuer: Any) -> AsyncIterator[Service]:
    """Give a service that has its tokens from the issuer."""
    settings = Settings(token_url=f"{issuer.url}/token", token_client_secret=SECRET)
    service = Service("orders", settings)
    yield service
    await service.close()


def shelf_of(service: Service, paper: Paper) -> Shelf:
    """Return a client of the service that sends over paper, without retries."""
    client = rest(
        Shelf,
        provider="shelf",
        pipeline=Pipeline("shelf", Timeout(10.0)),
        transport=paper,
    )
    return service.add(client)


async def test_each_call_shows_a_token_for_its_provider(
    issuer: Any, orders: Service
) -> None:
    """It is asked for once, by the service's own name and secret."""
    paper = Paper()
    shelf = shelf_of(orders, paper)

    await asyncio.gather(*(shelf.things() for _ in range(20)))

    assert issuer.asked["token"] == 1
    [form] = issuer.forms
    assert (form["grant_type"], form["audience"]) == ("client_credentials", "shelf")
    pair = base64.b64decode(form["client"].removeprefix("Basic ")).decode()
    assert pair == "orders:a%20secret%3A%20with%20odd%2Fcharacters"
    assert len(set(paper.tokens)) == 1
    assert str(paper.tokens[0]).startswith("Bearer eyJ")


async def test_token_is_renewed_beside_the_calls(
    clock: FakeClock, issuer: Any, orders: Service
) -> None:
    """After 80 % of its life; no call waits for the new one."""
    paper = Paper()
    shelf = shelf_of(orders, paper)
    await shelf.things()
    clock.advance(241)
    await shelf.things()
    await asyncio.sleep(0.1)
    await shelf.things()

    first, old, new = paper.tokens
    assert first == old != new
    assert issuer.asked["token"] == 2


async def test_calls_go_on_while_the_issuer_is_away(
    clock: FakeClock, issuer: Any, orders: Service
) -> None:
    """The token in hand serves to its end; then the error says what to do."""
    paper = Paper()
    shelf = shelf_of(orders, paper)
    await shelf.things()
    await issuer.stop()
    clock.advance(299)
    await shelf.things()

    clock.advance(2)
    with pytest.raises(Unavailable) as away:
        await shelf.things()

    assert away.value.reason == "rejected"
    assert away.value.hint
    assert len(paper.sent) == 2
    await issuer.start()
    clock.advance(1)
    await shelf.things()


async def test_issuer_that_is_away_says_nothing_about_the_provider(
    clock: FakeClock, issuer: Any, orders: Service
) -> None:
    """Its outage opens no breaker, and is not asked about at the rate of the calls."""
    breaker = CircuitBreaker(consecutive_failures=3, open_seconds=30.0)
    pipeline = Pipeline("shelf", Timeout(10.0), Retry(3), breaker)
    paper = Paper()
    shelf = orders.add(
        rest(Shelf, provider="shelf", pipeline=pipeline, transport=paper)
    )
    issuer.status, issuer.body = 503, "{}"
    for _ in range(20):
        with pytest.raises(Unavailable, match="the issuer answered 503"):
            await shelf.things()

    assert issuer.asked["token"] == 1
    assert paper.sent == []
    issuer.status, issuer.body = 200, None
    clock.advance(1)
    assert await shelf.things() == "thing"


async def test_hanging_issuer_costs_no_more_than_the_deadline(
    clock: FakeClock, issuer: Any, orders: Service
) -> None:
    """Waiting for a token is part of the call."""
    issuer.hangs = True
    shelf = shelf_of(orders, Paper())

    with pytest.raises(DeadlineExceeded), Deadline.after(0.3):
        await shelf.things()

    assert clock.elapsed_seconds == pytest.approx(0.3, abs=0.05)


async def test_refused_token_is_replaced_once(issuer: Any, orders: Service) -> None:
    """A 401 says that nothing was done, so even a POST is sent again; one time."""
    paper = Paper(401)
    shelf = shelf_of(orders, paper)
    assert await shelf.add() == "thing"
    assert len(set(paper.tokens)) == 2

    paper.statuses = [401, 401]
    with pytest.raises(Refused):
        await shelf.add()

    assert len(paper.sent) == 4


@pytest.mark.parametrize(
    ("status", "body"), [(401, "{}"), (500, "{}"), (200, "{}"), (200, "<html>")]
)
async def test_issuer_that_gives_no_token_is_told_with_a_mend(
    issuer: Any, orders: Service, status: int, body: str
) -> None:
    """The call fails as unavailable and nothing is sent to the provider."""
    issuer.status, issuer.body = status, body
    paper = Paper()

    with pytest.raises(Unavailable, match="issuer") as refused:
        await shelf_of(orders, paper).things()

    assert refused.value.hint
    assert SECRET not in str(refused.value)
    assert paper.sent == []


async def test_token_of_a_user_is_passed_on_only_where_that_is_declared(
    issuer: Any, orders: Service
) -> None:
    """A client that takes `Authorization` as a parameter shows that and no other."""
    paper = Paper()
    vault = orders.add(rest(Vault, provider="vault", transport=paper))

    await vault.things(shown="Bearer of-a-user")

    assert paper.tokens == ["Bearer of-a-user"]
    assert issuer.asked["token"] == 0


async def test_token_is_never_shown_outside_of_the_fleet(
    issuer: Any, orders: Service
) -> None:
    """A provider that is not ours gets neither a token nor a reason to ask for one."""
    external: Any = rest(
        Shelf,
        provider="shelf",
        pipeline=Pipeline("shelf", Timeout(10.0)),
        external=["https://shelf.example"],
    )
    orders.add(external)
    client = external.__part__
    paper = Paper()

    async def send(request: Request) -> Response:
        return await paper.exchange(request)

    await client._shown(send, Request("GET", "https://shelf.example/v1/things", {}))

    assert paper.tokens == [None]
    assert issuer.asked["token"] == 0


def test_endpoint_without_a_secret_is_an_error_of_the_settings() -> None:
    """Said at the start, and not by the first call."""
    with pytest.raises(SettingsError, match="TOKEN_CLIENT_SECRET is not set"):
        Service("orders", Settings(token_url="http://127.0.0.1:9/token"))


def test_service_that_is_told_nothing_shows_nothing() -> None:
    """Without an issuer calls go out as they are."""
    assert token_source("orders", Settings()) is None


async def test_secret_of_a_service_is_masked_everywhere(orders: Service) -> None:
    """It may turn up in a text of someone else."""
    assert isinstance(orders.tokens, ClientCredentials)

    assert mask(f"it said {SECRET}") == "it said ***"
    assert SECRET not in str(orders.settings.describe())


async def test_tokens_may_be_files_that_others_keep_fresh(
    clock: FakeClock, tmp_path: Path
) -> None:
    """One file a provider, read again every half a minute."""
    source = token_source("orders", Settings(token_directory=tmp_path))
    assert isinstance(source, TokenFiles)
    (tmp_path / "shelf").write_text("one\n")
    assert await source.token("shelf") == "one"
    (tmp_path / "shelf").write_text("two\n")
    assert await source.token("shelf") == "one"

    clock.advance(31)

    assert await source.token("shelf") == "two"
    with pytest.raises(Unavailable, match="no token for stock") as refused:
        await source.token("stock")
    assert "mount a token whose audience is stock" in str(refused.value.hint)


def shelf_service(settings: Settings | None = None) -> FastAPI:
    """Return the provider: only orders may read, only storefront may add."""
    app = FastAPI()

    @app.get("/v1/things")
    @allow("orders")
    async def things() -> str:
        return "thing"

    @app.post("/v1/things")
    @allow("storefront")
    async def add() -> str:
        return "thing"

    return mount(app, Service("shelf", settings or Settings()))


async def test_provider_checks_its_own_list_of_callers() -> None:
    """A good token of another service of the fleet is not enough."""
    app = shelf_service()
    async with serving(app):
        carried = AsgiTransport(app, caller="orders")
        shelf = rest(Shelf, provider="shelf", transport=carried)
        found = await shelf.things()
        with pytest.raises(Refused) as refused:
            await shelf.add()

    assert found == "thing"
    assert refused.value.status == 403


async def test_fleet_may_name_fewer_callers_than_the_routes() -> None:
    """Whom `AUTH_CALLERS` does not name is refused, whatever a route says."""
    for callers, status in ((" orders , vouchers", 200), ("vouchers", 403), ("", 403)):
        app = shelf_service(Settings(auth_callers=callers))
        async with serving(app, caller="orders") as http:
            assert (await http.get("/v1/things")).status_code == status


async def test_token_for_one_service_opens_no_other() -> None:
    """Whoever gets hold of a token at one service cannot use it at the next."""
    app = shelf_service()
    async with serving(app, caller="orders") as http:
        stolen = (await http.get("/v1/things")).request.headers["Authorization"]
    other = FastAPI()

    @other.get("/v1/things")
    @allow("orders")
    async def things() -> str:
        return "canary"

    async with serving(mount(other, Service("vault", Settings())), caller=None) as http:
        answer = await http.get("/v1/things", headers={"Authorization": stolen})

    assert answer.status_code == 401


def test_issuers_of_tests_do_not_share_keys() -> None:
    """Two issuers of one name are told apart by their keys alone."""
    assert FakeIssuer().document() != FakeIssuer().document()


@pytest.mark.parametrize(
    ("environment", "url", "warned"),
    [
        ("production", "http://issuer:8000/keys", True),
        ("production", "https://issuer:8000/keys", False),
        ("production", "http://127.0.0.1:8000/keys", False),
        ("development", "http://issuer:8000/keys", False),
    ],
)
async def test_keys_over_plain_http_are_warned_of(
    environment: str, url: str, warned: bool
) -> None:
    """Whoever answers in the issuer's place in production decides who is let in."""
    given: dict[str, Any] = {"environment": environment, "auth_jwks_url": url}
    app = shelf_service(Settings(auth_issuer="http://issuer:8000", **given))
    with capture_logs() as logged:
        async with serving(app):
            pass

    events = [line["event"] for line in logged]
    assert ("keys.unprotected" in events) is warned
