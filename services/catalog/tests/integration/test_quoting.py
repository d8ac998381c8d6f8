"""Pricing whole orders."""

from httpx2 import AsyncClient


async def test_known_codes_are_priced_and_unknown_ones_named(
    catalog: AsyncClient,
) -> None:
    """Answers keep the order of the question; a code asked twice is answered once."""
    for sku in ("71053", "85123A"):
        body = {"name": f"THING {sku}", "price_pence": 100}
        await catalog.put(f"/v1/products/{sku}", json=body)

    answer = await catalog.post(
        "/v1/quotes", json={"skus": ["85123A", "POST", "71053", "85123A", "85123a"]}
    )

    assert answer.json() == {
        "quotes": [
            {"sku": "85123A", "name": "THING 85123A", "price_pence": 100},
            {"sku": "71053", "name": "THING 71053", "price_pence": 100},
        ],
        "unknown": ["POST", "85123a"],
    }


async def test_two_thousand_codes_are_one_question(catalog: AsyncClient) -> None:
    """The longest order is priced by one call; a longer one is an invalid request."""
    codes = [f"{number:05}" for number in range(2001)]

    longest = await catalog.post("/v1/quotes", json={"skus": codes[:2000]})
    longer = await catalog.post("/v1/quotes", json={"skus": codes})

    assert (longest.status_code, longer.status_code) == (200, 422)
    assert longest.json() == {"quotes": [], "unknown": codes[:2000]}
