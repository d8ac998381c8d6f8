"""Placing orders."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response

from fleetwright.testing import FakeBroker
from fleetwright_contracts.testing import FakeProvider
from orders.clients import Catalog
from orders.events import OrderPlaced

Place = Callable[..., Awaitable[Response]]


async def test_an_order_is_priced_by_the_catalog(place: Place) -> None:
    """The order is accepted with names, prices and a total."""
    answer = await place()

    order = answer.json()
    assert answer.status_code == 201
    assert (order["status"], order["total_pence"]) == ("accepted", 6 * 339)
    assert order["lines"] == [
        {"sku": "71053", "name": "THING 71053", "quantity": 6, "price_pence": 339}
    ]


async def test_an_accepted_order_can_be_read_again(
    place: Place, orders: AsyncClient
) -> None:
    """What was answered is what is kept, the moment in UTC included."""
    placed = (await place()).json()

    assert (await orders.get(f"/v1/orders/{placed['id']}")).json() == placed
    assert placed["created_at"].endswith("Z")


async def test_the_fleet_is_told_of_an_accepted_order(
    place: Place, broker: FakeBroker
) -> None:
    """One OrderPlaced leaves for every accepted order."""
    placed = (await place()).json()

    assert broker.published == [
        OrderPlaced(
            order_id=UUID(placed["id"]),
            reference="536365",
            customer_id="17850",
            total_pence=6 * 339,
        )
    ]


async def test_lines_of_one_product_cost_one_question(
    place: Place, catalog: FakeProvider[Catalog]
) -> None:
    """The catalog is asked once, for every code once, however many lines there are."""
    lines = [{"sku": sku, "quantity": 1} for sku in ("71053", "85123A") * 500]

    answer = await place(lines=lines)

    assert len(answer.json()["lines"]) == 1000
    assert [one.body for one in catalog.asked] == [{"skus": ["71053", "85123A"]}]


async def test_all_bad_lines_are_told_at_once_and_nothing_is_kept(
    place: Place, orders: AsyncClient, broker: FakeBroker
) -> None:
    """The problem lists every line that cannot be bought; nobody hears of it."""
    lines = [
        {"sku": "71053", "quantity": 1},
        {"sku": "POST", "quantity": 1},
        {"sku": "99999", "quantity": 1},
        {"sku": "71053", "quantity": -4},
    ]

    answer = await place(lines=lines)

    problem = answer.json()
    assert (answer.status_code, problem["kind"]) == (422, "bad_lines")
    assert [(bad["index"], bad["kind"]) for bad in problem["lines"]] == [
        (1, "odd_code"),
        (2, "unknown_product"),
        (3, "quantity_not_positive"),
    ]
    assert (await orders.get("/v1/orders")).json()["total"] == 0
    assert broker.published == []


async def test_odd_codes_alone_do_not_trouble_the_catalog(
    place: Place, catalog: FakeProvider[Catalog]
) -> None:
    """When no line can be a product there is nothing to ask."""
    answer = await place(lines=[{"sku": "POST", "quantity": 1}])

    assert answer.json()["kind"] == "bad_lines"
    assert catalog.asked == []


async def test_without_the_catalog_no_order_is_taken(
    place: Place, catalog: FakeProvider[Catalog], orders: AsyncClient
) -> None:
    """A catalog that is away is told as 503, and the order can be sent again."""
    catalog.answers(Catalog.quotes, status=503)

    answer = await place()

    assert (answer.status_code, answer.json()["kind"]) == (503, "unavailable")
    assert (await orders.get("/v1/orders")).json()["total"] == 0


async def test_one_failed_quote_is_asked_for_again(
    place: Place, catalog: FakeProvider[Catalog]
) -> None:
    """A single 503 of the catalog is not seen by the buyer."""
    catalog.answers(Catalog.quotes, status=503, times=1)

    assert (await place()).status_code == 201
    assert catalog.calls == ["quotes", "quotes"]


async def test_a_repeated_request_is_answered_with_its_order(
    place: Place, catalog: FakeProvider[Catalog], broker: FakeBroker
) -> None:
    """The same key places one order, whatever became of catalog and prices since."""
    first = await place(key="k-1")
    catalog.answers(Catalog.quotes, status=503)

    second = await place(key="k-1")

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json() == first.json()
    assert len(broker.published) == 1


async def test_a_request_sent_twice_at_once_places_one_order(
    place: Place, orders: AsyncClient, broker: FakeBroker
) -> None:
    """Both copies are priced, one is kept, the other is answered with it."""
    answers = await asyncio.gather(*(place(key="k-1") for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await orders.get("/v1/orders")).json()["total"] == 1
    assert len(broker.published) == 1


async def test_another_order_under_a_used_key_is_refused(place: Place) -> None:
    """A key names one request for ever."""
    await place(key="k-1")

    answer = await place(key="k-1", country="France")

    assert (answer.status_code, answer.json()["kind"]) == (
        422,
        "idempotency_key_reused",
    )


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/cancellations"])
@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, "missing_idempotency_key"),
        ({"Idempotency-Key": ""}, "missing_idempotency_key"),
        ({"Idempotency-Key": "two words"}, "odd_idempotency_key"),
        ({"Idempotency-Key": "x" * 256}, "odd_idempotency_key"),
    ],
)
async def test_a_request_without_a_usable_key_is_refused(
    orders: AsyncClient, path: str, headers: dict[str, str], kind: str
) -> None:
    """Without a key a repetition could not be told from a new request."""
    body = {
        "reference": "1",
        "customer_id": None,
        "lines": [{"sku": "71053", "quantity": 1}],
    }
    if path == "/v1/orders":
        body["country"] = "France"

    answer = await orders.post(path, json=body, headers=headers)

    assert (answer.status_code, answer.json()["kind"]) == (400, kind)


@pytest.mark.parametrize(
    "changed",
    [
        {"lines": []},
        {"lines": [{"sku": "71053", "quantity": 1}] * 2001},
        {"lines": [{"sku": "71053", "quantity": 1.5}]},
        {"lines": [{"sku": "71053", "quantity": 10**12}]},
        {"reference": ""},
        {"country": "two\nlines"},
        {"colour": "white"},
    ],
)
async def test_what_is_no_order_at_all_is_an_invalid_request(
    place: Place, changed: dict[str, object]
) -> None:
    """Empty, endless, fractional and unknown parts are told apart from bad lines."""
    answer = await place(**changed)

    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid_request")


async def test_an_unknown_order_is_not_found(orders: AsyncClient) -> None:
    """The kind says it is the order that is missing, not the path."""
    answer = await orders.get(f"/v1/orders/{UUID(int=1)}")

    assert (answer.status_code, answer.json()["kind"]) == (404, "unknown_order")


async def test_orders_are_listed_newest_first_by_customer_and_state(
    place: Place, orders: AsyncClient
) -> None:
    """Pages follow one another, and filters count what they let through."""
    for reference, customer in [("1", "a"), ("2", "b"), ("3", "a"), ("4", None)]:
        await place(reference=reference, customer_id=customer)

    async def listed(query: str) -> list[str]:
        page = (await orders.get(f"/v1/orders?{query}")).json()
        return [*(item["reference"] for item in page["items"]), str(page["total"])]

    assert await listed("page_size=3") == ["4", "3", "2", "4"]
    assert await listed("page_size=3&page=2") == ["1", "4"]
    assert await listed("customer_id=a&status=accepted") == ["3", "1", "2"]
    assert await listed("status=paid") == ["0"]
