"""Placing an order, and watching what becomes of it."""

import re
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient

from fleetwright import Unavailable
from storefront.clients import NewLine, NewOrder, Order, OrderRefused, OrderStatus

AWAY = Unavailable("orders does not answer", reason="timeout", provider="orders")


@pytest.fixture
async def form(shop: AsyncClient) -> dict[str, str]:
    """Return the order form of a basket with two lanterns, filled in."""
    await shop.post("/basket/lines", data={"sku": "71053", "quantity": "2"})
    page = await shop.get("/basket")
    return {
        "key": key_of(page.text),
        "sku": "71053",
        "quantity": "2",
        "customer": " 17850 ",
        "country": "France",
    }


def key_of(page: str) -> str:
    """Return the order key of the form on a page."""
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def test_order_is_placed_as_the_form_says(
    shop: AsyncClient, form: dict[str, str], taken: dict[str, NewOrder]
) -> None:
    """Lines, buyer, country and the form's key reach the order desk."""
    answer = await shop.post("/orders", data=form)

    reference = f"WEB-{UUID(form['key']).hex[:12].upper()}"
    assert answer.status_code == 303
    assert taken == {
        form["key"]: NewOrder(
            reference=reference,
            customer_id="17850",
            country="France",
            lines=[NewLine(sku="71053", quantity=2)],
        )
    }


async def test_guest_orders_without_a_customer_number(
    shop: AsyncClient, form: dict[str, str], taken: dict[str, NewOrder]
) -> None:
    """An empty field is nobody, not an empty name."""
    await shop.post("/orders", data={**form, "customer": "  "})

    assert taken[form["key"]].customer_id is None


async def test_form_sent_twice_is_one_order(
    shop: AsyncClient, form: dict[str, str], taken: dict[str, NewOrder]
) -> None:
    """The second sending, after the basket is empty, leads to the same order."""
    first = await shop.post("/orders", data=form)
    second = await shop.post("/orders", data=form)

    assert first.headers["location"] == second.headers["location"]
    assert len(taken) == 1


async def test_ordered_lines_leave_the_basket_and_others_stay(
    shop: AsyncClient, form: dict[str, str]
) -> None:
    """What was put in meanwhile, in another window, is still there."""
    await shop.post("/basket/lines", data={"sku": "85123A", "quantity": "4"})

    await shop.post("/orders", data=form)

    assert shop.cookies["basket"] == "85123A-4"


async def test_every_form_has_its_own_key(shop: AsyncClient) -> None:
    """Two different orders are never taken for one."""
    await shop.post("/basket/lines", data={"sku": "71053"})
    pages = [await shop.get("/basket") for _ in range(2)]

    assert key_of(pages[0].text) != key_of(pages[1].text)


async def test_order_desk_that_is_away_keeps_basket_and_form(
    shop: AsyncClient,
    form: dict[str, str],
    taken: dict[str, NewOrder],
    troubles: dict[str, Exception],
) -> None:
    """The buyer is told, and may press the same button again: same key, one order."""
    troubles["orders"] = AWAY
    page = await shop.post("/orders", data=form)
    troubles.clear()
    again = await shop.post("/orders", data={**form, "key": key_of(page.text)})

    assert page.status_code == 503
    assert page.headers["Fleet-Degraded"] == "orders"
    assert "Your basket is kept" in page.text
    assert 'value="17850"' in page.text
    assert again.status_code == 303
    assert list(taken) == [form["key"]]


async def test_basket_survives_an_order_that_failed(
    shop: AsyncClient, form: dict[str, str], troubles: dict[str, Exception]
) -> None:
    """The cookie is untouched while the order is not placed."""
    troubles["orders"] = AWAY
    await shop.post("/orders", data=form)

    assert shop.cookies["basket"] == "71053-2"


async def test_bad_lines_are_marked_with_their_reasons(
    shop: AsyncClient, form: dict[str, str], troubles: dict[str, Exception]
) -> None:
    """The desk's reason stands at the line it is about; the form gets a fresh key."""
    bad = {"index": 0, "sku": "71053", "kind": "unknown_product", "detail": "Sold out."}
    problem = {"kind": "bad_lines", "lines": [bad]}
    troubles["orders"] = OrderRefused("refused", status=422, problem=problem)

    page = await shop.post("/orders", data=form)

    assert page.status_code == 422
    assert "Sold out." in page.text
    assert key_of(page.text) != form["key"]


@pytest.mark.parametrize(
    ("on_hand", "said"), [(3, "Only 3 left."), (0, "Sold out."), (-2, "Sold out.")]
)
async def test_what_there_is_too_little_of_is_marked(
    shop: AsyncClient,
    form: dict[str, str],
    troubles: dict[str, Exception],
    on_hand: int,
    said: str,
) -> None:
    """The buyer sees how many are left, and may order fewer with a fresh key."""
    short = {"sku": "71053", "wanted": 4, "on_hand": on_hand}
    problem = {"kind": "out_of_stock", "missing": [short]}
    troubles["orders"] = OrderRefused("refused", status=409, problem=problem)

    page = await shop.post("/orders", data=form)

    assert page.status_code == 409
    assert said in page.text
    assert key_of(page.text) != form["key"]


async def test_an_order_that_is_being_answered_keeps_its_key(
    shop: AsyncClient, form: dict[str, str], troubles: dict[str, Exception]
) -> None:
    """A fresh key would make a second order of an impatient click."""
    problem = {"kind": "idempotency_key_in_progress"}
    troubles["orders"] = OrderRefused("refused", status=409, problem=problem)

    page = await shop.post("/orders", data=form)

    assert page.status_code == 409
    assert key_of(page.text) == form["key"]


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ({"kind": "idempotency_key_reused"}, "already been used"),
        ({"kind": "other", "detail": "Closed today."}, "Closed today."),
        ({"title": "No"}, "The order was not taken: No"),
        (None, "The order was not taken: no thanks"),
    ],
)
async def test_refusal_is_explained_to_the_buyer(
    shop: AsyncClient,
    form: dict[str, str],
    troubles: dict[str, Exception],
    problem: dict[str, str] | None,
    said: str,
) -> None:
    """Whatever the desk says no to, the buyer reads why and keeps the form."""
    troubles["orders"] = OrderRefused("no thanks", status=422, problem=problem)

    page = await shop.post("/orders", data=form)

    assert page.status_code == 422
    assert said in page.text


async def test_broken_form_is_shown_again(
    shop: AsyncClient, form: dict[str, str], taken: dict[str, NewOrder]
) -> None:
    """Without a proper key nothing is ordered."""
    page = await shop.post("/orders", data={**form, "key": "x"})

    assert page.status_code == 400
    assert "did not arrive whole" in page.text
    assert taken == {}


async def test_order_of_nothing_leads_to_the_basket(shop: AsyncClient) -> None:
    """There is nothing to place."""
    answer = await shop.post("/orders", data={"key": str(uuid4())})

    assert (answer.status_code, answer.headers["location"]) == (303, "/basket")


async def test_order_page_watches_until_the_order_is_settled(
    shop: AsyncClient, form: dict[str, str], kept: dict[UUID, Order]
) -> None:
    """An accepted order brings the watching module, a paid one does not need it."""
    where = (await shop.post("/orders", data=form)).headers["location"]
    accepted = await shop.get(where)
    order = kept[UUID(where.rpartition("/")[2])]
    kept[order.id] = order.model_copy(update={"status": OrderStatus.paid})
    paid = await shop.get(where)

    assert "Your order is accepted" in accepted.text
    assert "/static/watch.js" in accepted.text
    assert "Your order is paid" in paid.text
    assert "/static/watch.js" not in paid.text


async def test_progress_is_the_steps_alone(
    shop: AsyncClient, form: dict[str, str], kept: dict[UUID, Order]
) -> None:
    """The module gets the same steps the page shows, with the bank's reason."""
    where = (await shop.post("/orders", data=form)).headers["location"]
    order = kept[UUID(where.rpartition("/")[2])]
    why = {"status": OrderStatus.refused, "refused_because": "card declined"}
    kept[order.id] = order.model_copy(update=why)

    steps = await shop.get(f"{where}/progress")

    assert "<html" not in steps.text
    assert "Card declined. Nothing was taken." in steps.text
    assert "data-settled" in steps.text


@pytest.mark.parametrize("name", [str(uuid4()), "not-an-id"])
async def test_unknown_order_is_not_found(shop: AsyncClient, name: str) -> None:
    """A page of the shop says so, with status 404."""
    page = await shop.get(f"/orders/{name}")

    assert page.status_code == 404
    assert "no such order" in page.text


async def test_order_out_of_sight_is_said_to_be_safe(
    shop: AsyncClient, troubles: dict[str, Exception]
) -> None:
    """While the desk is away the page waits and looks again by itself."""
    troubles["orders"] = AWAY

    page = await shop.get(f"/orders/{uuid4()}")

    assert page.status_code == 503
    assert 'http-equiv="refresh"' in page.text
    assert "it is safe" in page.text
