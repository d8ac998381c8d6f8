"""S16: in production nobody reads the description of an API unless it was meant."""

from typing import Literal

import pytest
from fastapi import FastAPI

from fleetwright import Service, Settings
from fleetwright.fastapi import mount
from fleetwright.testing import serving

PAGES = ("/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect")
Environment = Literal["production", "development"]


def api(environment: Environment, *, open_docs: bool = False) -> FastAPI:
    """Return a described API."""
    app = FastAPI(title="described")

    @app.get("/orders")
    async def orders() -> str:
        return "here"

    settings = Settings(environment=environment, open_docs=open_docs, auth="off")
    return mount(app, Service("described", settings))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_docs_are_closed_in_production(method: str) -> None:
    """The pages are as unknown as any other."""
    async with serving(api("production")) as http:
        found = [(await http.request(method, page)).status_code for page in PAGES]
        own = (await http.get("/orders")).status_code

    assert found == [404] * 4
    assert own == 200


@pytest.mark.parametrize(
    ("environment", "open_docs"), [("development", False), ("production", True)]
)
async def test_docs_are_open_where_they_are_meant(
    environment: Environment, open_docs: bool
) -> None:
    """For developers, and where OPEN_DOCS says so."""
    async with serving(api(environment, open_docs=open_docs)) as http:
        found = [(await http.get(page)).status_code for page in PAGES]

    assert found == [200] * 4


async def test_closed_docs_can_still_be_extracted() -> None:
    """Contracts are read off the application, not off the network."""
    app = api("production")

    assert "/orders" in app.openapi()["paths"]


async def test_own_route_of_that_name_is_kept() -> None:
    """Only FastAPI's pages are closed."""
    app = FastAPI()

    @app.get("/docs")
    async def docs() -> str:
        return "mine"

    mount(app, Service("described", Settings(environment="production", auth="off")))
    async with serving(app) as http:
        answer = await http.get("/docs")

    assert answer.json() == "mine"


def test_production_is_the_default() -> None:
    """Who says nothing is not in development."""
    fields = Settings.model_fields

    assert fields["environment"].default == "production"
    assert fields["open_docs"].default is False
