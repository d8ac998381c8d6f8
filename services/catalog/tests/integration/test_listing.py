"""Listing and searching products."""

import pytest
from httpx2 import AsyncClient

NAMES = {"10001": "RED MUG", "10002": "Blue mug", "20001": "100% COTTON", "20002": "X"}


@pytest.fixture
async def shelf(catalog: AsyncClient) -> AsyncClient:
    """Serve a catalog of four products."""
    for sku, name in NAMES.items():
        body = {"name": name, "price_pence": 100}
        assert (await catalog.put(f"/v1/products/{sku}", json=body)).status_code == 201
    return catalog


async def skus(shelf: AsyncClient, **query: str | int) -> list[str]:
    """Return the codes of the page asked for."""
    answer = await shelf.get("/v1/products", params=query)
    return [item["sku"] for item in answer.json()["items"]]


async def test_products_come_in_the_order_of_their_codes(shelf: AsyncClient) -> None:
    """Without a search everything is listed."""
    assert await skus(shelf) == sorted(NAMES)


async def test_pages_follow_one_another(shelf: AsyncClient) -> None:
    """Two pages of three hold all four, and both know how many there are."""
    first = (await shelf.get("/v1/products?page_size=3")).json()
    second = (await shelf.get("/v1/products?page_size=3&page=2")).json()

    assert [len(first["items"]), len(second["items"])] == [3, 1]
    assert (first["total"], second["total"], second["page"]) == (4, 4, 2)


@pytest.mark.parametrize(
    ("search", "found"),
    [("mug", ["10001", "10002"]), ("2000", ["20001", "20002"]), ("0%", ["20001"])],
)
async def test_search_looks_into_names_and_at_the_start_of_codes(
    shelf: AsyncClient, search: str, found: list[str]
) -> None:
    """Letter case does not matter, and a percent sign is a percent sign."""
    assert await skus(shelf, search=search) == found


@pytest.mark.parametrize("query", ["page=0", "page_size=0", "page_size=101"])
async def test_no_page_is_longer_than_a_hundred(shelf: AsyncClient, query: str) -> None:
    """Pages that cannot be are invalid requests."""
    answer = await shelf.get(f"/v1/products?{query}")

    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid_request")
