"""What Flask's handlers promise."""

from typing import Any
from uuid import UUID

import pytest
from flask import Blueprint, Flask
from pydantic import BaseModel, ConfigDict, Field

from fleetwright import Problem, Service, Settings
from fleetwright.auth import allow, public
from fleetwright.errors import DeclarationError
from fleetwright.flask import answers, body, mount, openapi, query
from fleetwright.testing import serving


class NewTill(BaseModel):
    """A till to be."""

    model_config = ConfigDict(extra="forbid")

    name: str


class Till(BaseModel):
    """A till."""

    name: str
    number: int


class Which(BaseModel):
    """Which tills are meant."""

    model_config = ConfigDict(extra="forbid")

    least: int = Field(default=1, description="The lowest number.")
    shop: UUID


def shop(**given: Any) -> Flask:
    """Return an application of tills."""
    api = Blueprint("tills", __name__, url_prefix="/v1")

    @api.post("/tills")
    @allow("storefront", scope="tills:write")
    @answers(Till, status=201, takes=NewTill, refusals={409: "`known_till`."})
    def make() -> Till:
        """Make a till.

        It has the next number.
        """
        name = body(NewTill).name
        if name == "known":
            raise Problem(409, "Known", kind="known_till")
        return Till(name=name, number=1)

    @api.get("/tills/<int:number>")
    @public
    @answers(Till, asks=Which)
    def find(number: int) -> Till:
        """Return a till."""
        return Till(name=str(query(Which).shop), number=number)

    @api.get("/unpromised")
    @public
    def unpromised() -> dict[str, str]:
        return {"said": "nothing"}

    app = Flask("shop")
    app.register_blueprint(api)
    return mount(app, Service("shop", Settings(**given), version="7"))


def test_description_says_what_goes_in_and_out() -> None:
    """Paths, bodies, parameters, answers and who may call, as the handlers say it."""
    promised = openapi(shop())

    assert promised["info"] == {"title": "shop", "version": "7"}
    assert promised["tags"] == [
        {
            "name": "tills",
            "description": "What Flask's handlers promise.",
        }
    ]
    assert list(promised["paths"]) == ["/v1/tills", "/v1/tills/{number}"]
    made = promised["paths"]["/v1/tills"]["post"]
    assert made["summary"] == "Make a till"
    assert made["description"].endswith("It has the next number.")
    assert made["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NewTill"
    }
    assert set(made["responses"]) == {
        *("201", "400", "401", "403", "409", "413", "415", "422"),
    }
    assert made["security"] == [{"token": ["tills:write"]}]
    assert {"NewTill", "Till"} <= set(promised["components"]["schemas"])


def test_parameters_are_described() -> None:
    """Those of the path by their converter, those of the query by their model."""
    found = openapi(shop())["paths"]["/v1/tills/{number}"]["get"]

    number, least, which = found["parameters"]
    assert (number["in"], number["schema"]) == ("path", {"type": "integer"})
    assert (least["in"], least["required"]) == ("query", False)
    assert least["description"] == "The lowest number."
    assert (which["required"], which["schema"]["format"]) == (True, "uuid")
    assert "security" not in found


async def test_model_a_handler_returns_is_the_answer() -> None:
    """With the status that was promised."""
    async with serving(shop()) as http:
        made = await http.post("/v1/tills", json={"name": "north"})
        known = await http.post("/v1/tills", json={"name": "known"})
        odd = await http.post("/v1/tills", json={"name": "north", "color": "red"})

    assert (made.status_code, made.json()) == (201, {"name": "north", "number": 1})
    assert known.status_code == 409
    assert odd.json()["errors"][0]["at"] == "body.color"


async def test_query_is_read_as_a_model() -> None:
    """What is wrong with it is named."""
    which = UUID(int=3)
    async with serving(shop()) as http:
        fine = await http.get(f"/v1/tills/4?shop={which}")
        wrong = await http.get("/v1/tills/4?shop=x&color=red")

    assert fine.json() == {"name": str(which), "number": 4}
    assert wrong.status_code == 422
    assert {one["at"] for one in wrong.json()["errors"]} == {
        "query.shop",
        "query.color",
    }


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"environment": "development"}, 200),
        ({"environment": "production"}, 404),
        ({"environment": "production", "open_docs": True}, 200),
    ],
)
async def test_description_is_served_where_docs_are_open(
    given: dict[str, Any], status: int
) -> None:
    """Not in production, unless the settings say so."""
    async with serving(shop(**given)) as http:
        answer = await http.get("/openapi.json")

    assert answer.status_code == status
    assert status == 404 or answer.json()["openapi"] == "3.1.0"


def test_handler_without_words_promises_nothing() -> None:
    """Its docstring is the description of the API."""
    with pytest.raises(DeclarationError, match="does not say what it does"):

        @answers(Till)
        def silent() -> None:
            pass
