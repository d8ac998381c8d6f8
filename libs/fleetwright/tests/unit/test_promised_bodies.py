"""Bodies that are refused unread are refused as the description says."""

from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Form
from flask import Flask
from httpx2 import AsyncClient
from pydantic import BaseModel

from fleetwright import Service, Settings
from fleetwright.auth import public
from fleetwright.fastapi import mount
from fleetwright.flask import answers, body, openapi
from fleetwright.flask import mount as mount_flask
from fleetwright.testing import serving

SETTINGS = Settings(environment="test", auth="off")
JSON = {"content-type": "application/json"}


class Card(BaseModel):
    """A body."""

    number: int


def fastapi_shop() -> FastAPI:
    """Return a shop that takes JSON, a form, or nothing."""
    app = FastAPI()

    @app.post("/cards", responses={413: {"description": "Ours."}})
    async def cards(card: Card) -> Card:
        return card

    @app.post("/forms")
    async def forms(number: Annotated[int, Form()]) -> int:
        return number

    @app.get("/cards")
    async def none() -> None:
        return None

    return mount(app, Service("shop", SETTINGS))


def flask_shop() -> Flask:
    """Return the same with Flask."""
    app = Flask(__name__)

    @app.post("/cards")
    @public
    @answers(Card, takes=Card)
    def cards() -> Card:
        """Keep a card."""
        return body(Card)

    return mount_flask(app, Service("shop", SETTINGS))


def promised(document: dict[str, Any], path: str, method: str = "post") -> set[str]:
    """Return the statuses that an operation promises."""
    return set(document["paths"][path][method]["responses"])


def test_a_body_may_be_too_long_and_json_broken_or_something_else() -> None:
    """JSON is refused with 400, 413 and 415, a form with 413, no body with none."""
    document = fastapi_shop().openapi()

    assert promised(document, "/cards") == {"200", "400", "413", "415", "422"}
    assert promised(document, "/forms") == {"200", "413", "422"}
    assert promised(document, "/cards", "get") == {"200"}
    assert promised(openapi(flask_shop()), "/cards") == {
        *("200", "400", "413", "415", "422"),
    }


def test_what_is_promised_already_is_kept() -> None:
    """An application's own words stand."""
    answer = fastapi_shop().openapi()["paths"]["/cards"]["post"]["responses"]["413"]

    assert answer["description"] == "Ours."


async def refused(http: AsyncClient, headers: dict[str, str], content: bytes) -> str:
    """Return status and kind of the answer to a body."""
    answer = await http.post("/cards", content=content, headers=headers)
    return f"{answer.status_code} {answer.json()['kind']}"


@pytest.mark.parametrize("shop", [fastapi_shop, flask_shop])
async def test_the_answers_are_those(shop: Any) -> None:
    """Both frameworks answer what both promise."""
    async with serving(shop()) as http:
        told = [
            await refused(http, JSON, b"{"),
            await refused(http, JSON, b"1" * (1024 * 1024 + 1)),
            await refused(http, {"content-type": "text/plain"}, b"{}"),
        ]

    assert told == [
        *("400 bad_json", "413 body_too_long", "415 unsupported_media_type"),
    ]
