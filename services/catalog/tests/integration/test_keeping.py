"""Keeping products."""

import pytest
from httpx2 import AsyncClient

LANTERN = {"name": "WHITE METAL LANTERN", "price_pence": 339}


async def test_a_new_product_is_made(catalog: AsyncClient) -> None:
    """The first PUT of a code answers 201 with the product."""
    answer = await catalog.put("/v1/products/71053", json=LANTERN)

    assert answer.status_code == 201
    assert answer.json() == {"sku": "71053"} | LANTERN


async def test_a_known_product_is_changed(catalog: AsyncClient) -> None:
    """The second PUT of a code answers 200 and its price is the one that counts."""
    await catalog.put("/v1/products/71053", json=LANTERN)

    answer = await catalog.put("/v1/products/71053", json=LANTERN | {"price_pence": 1})

    assert answer.status_code == 200
    assert (await catalog.get("/v1/products/71053")).json()["price_pence"] == 1


async def test_blanks_around_a_name_are_not_kept(catalog: AsyncClient) -> None:
    """A name is kept as people read it."""
    body = {"name": "  LANTERN ", "price_pence": 339}

    answer = await catalog.put("/v1/products/71053", json=body)

    assert answer.json()["name"] == "LANTERN"


@pytest.mark.parametrize(
    ("sku", "changed", "kind"),
    [
        ("POST", {}, "odd_code"),
        ("71053", {"name": " "}, "no_description"),
        ("71053", {"price_pence": 0}, "price_not_positive"),
    ],
)
async def test_a_product_that_breaks_a_rule_is_refused_by_its_kind(
    catalog: AsyncClient, sku: str, changed: dict[str, object], kind: str
) -> None:
    """A refusal is a problem document with the rule's name, and keeps nothing."""
    answer = await catalog.put(f"/v1/products/{sku}", json=LANTERN | changed)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["kind"] == kind
    assert (await catalog.get("/v1/products")).json()["total"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"name": "LANTERN"},
        LANTERN | {"colour": "white"},
        LANTERN | {"price_pence": 3.5},
        LANTERN | {"price_pence": 10**19},
        LANTERN | {"name": "two\nlines"},
        LANTERN | {"name": "x" * 201},
    ],
)
async def test_what_is_no_product_at_all_is_an_invalid_request(
    catalog: AsyncClient, body: dict[str, object]
) -> None:
    """Missing, unknown, fractional and endless parts are told apart from refusals."""
    answer = await catalog.put("/v1/products/71053", json=body)

    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid_request")


async def test_half_a_character_is_no_json(catalog: AsyncClient) -> None:
    """A lone surrogate, which JSON can spell and no database can keep, is refused."""
    answer = await catalog.put(
        "/v1/products/71053",
        content=b'{"name": "\\ud800", "price_pence": 1}',
        headers={"Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.json()["kind"]) == (400, "bad_json")


async def test_a_number_of_more_than_twenty_digits_is_no_json(
    catalog: AsyncClient,
) -> None:
    """It is refused before anybody computes with it."""
    answer = await catalog.put("/v1/products/71053", json={"price_pence": 10**30})

    assert (answer.status_code, answer.json()["kind"]) == (400, "bad_json")


async def test_a_body_that_does_not_say_it_is_json_is_not_read(
    catalog: AsyncClient,
) -> None:
    """415 and not a guess at what it may be."""
    answer = await catalog.put("/v1/products/71053", content=b'{"name": "LANTERN"}')

    assert answer.status_code == 415


async def test_an_unknown_product_is_not_found(catalog: AsyncClient) -> None:
    """The kind says it is the product that is missing, not the path."""
    answer = await catalog.get("/v1/products/71053")

    assert (answer.status_code, answer.json()["kind"]) == (404, "unknown_product")
