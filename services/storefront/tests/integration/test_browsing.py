"""Looking around and filling the basket."""

import pytest
from httpx2 import AsyncClient

from fleetwright import Unavailable
from storefront.clients import OddCode, Product

AWAY = Unavailable("catalog does not answer", reason="connect", provider="catalog")


async def test_products_are_shown_with_their_prices(shop: AsyncClient) -> None:
    """Names are readable, prices are in pounds."""
    page = await shop.get("/")

    assert page.status_code == 200
    assert "White metal lantern" in page.text
    assert "£3.39" in page.text


async def test_search_shows_what_matches_and_keeps_the_words(shop: AsyncClient) -> None:
    """The search field still says what was looked for."""
    page = await shop.get("/", params={"search": " heart "})

    assert "White hanging heart" in page.text
    assert "lantern" not in page.text.replace("Lantern, heart", "")
    assert 'value="heart"' in page.text


async def test_search_that_finds_nothing_says_so(shop: AsyncClient) -> None:
    """An empty result is a sentence, not an empty page."""
    assert "Nothing matches" in (await shop.get("/?search=zebra")).text


async def test_pages_lead_to_one_another_within_the_search(
    shop: AsyncClient, sold: dict[str, Product]
) -> None:
    """The links keep the words of the search."""
    for number in range(5):
        sku = f"2000{number}"
        sold[sku] = Product(sku=sku, name=f"TIN & BOX {number}", price_pence=100)

    page = await shop.get("/", params={"search": "TIN & BOX", "page": "2"})

    assert "Page 2 of 3" in page.text
    assert "/?search=TIN+%26+BOX&amp;page=3" in page.text
    assert "/?search=TIN+%26+BOX&amp;page=1" in page.text


@pytest.mark.parametrize("page", ["", "0", "-1", "x", "9" * 30])
async def test_odd_page_number_is_no_error(shop: AsyncClient, page: str) -> None:
    """Whatever stands in the address, a page is shown."""
    assert (await shop.get("/", params={"page": page})).status_code == 200


async def test_shop_stays_open_while_the_catalog_is_away(
    shop: AsyncClient, troubles: dict[str, Exception]
) -> None:
    """The products seen last are shown with a notice, and the answer is 200."""
    await shop.get("/")
    troubles["catalog"] = AWAY

    page = await shop.get("/")

    assert page.status_code == 200
    assert page.headers["Fleet-Degraded"] == "catalog"
    assert "White metal lantern" in page.text
    assert "prices we knew last" in page.text


async def test_shop_that_has_seen_nothing_is_open_too(
    shop: AsyncClient, troubles: dict[str, Exception]
) -> None:
    """Without anything remembered there is a notice and no error."""
    troubles["catalog"] = AWAY

    page = await shop.get("/")

    assert page.status_code == 200
    assert "look in again" in page.text


async def test_product_has_a_page_with_an_add_form(shop: AsyncClient) -> None:
    """The form names the product and asks how many."""
    page = await shop.get("/products/71053")

    assert page.status_code == 200
    assert 'name="sku" value="71053"' in page.text


async def test_unknown_product_is_not_found(shop: AsyncClient) -> None:
    """A page of the shop says so, with status 404."""
    page = await shop.get("/products/00000")

    assert page.status_code == 404
    assert "no such product" in page.text


async def test_product_seen_before_is_shown_while_the_catalog_is_away(
    shop: AsyncClient, troubles: dict[str, Exception]
) -> None:
    """From memory, with a notice; one never seen gives 503 and a way back."""
    await shop.get("/products/71053")
    troubles["catalog"] = AWAY

    seen = await shop.get("/products/71053")
    unseen = await shop.get("/products/85123A")

    assert (seen.status_code, unseen.status_code) == (200, 503)
    assert "price we knew last" in seen.text


async def test_added_product_is_in_the_basket(shop: AsyncClient) -> None:
    """Adding from a product's page leads to the basket, which says so."""
    answer = await shop.post("/basket/lines", data={"sku": "71053", "quantity": "2"})
    page = await shop.get(answer.headers["location"])

    assert answer.status_code == 303
    assert "White metal lantern is in your basket" in page.text
    assert "£6.78" in page.text


async def test_adding_from_the_grid_leads_back_to_the_same_place(
    shop: AsyncClient,
) -> None:
    """Search and page are kept, and only our own addresses are ever built."""
    form = {"sku": "71053", "search": "a&b", "page": "2"}
    answer = await shop.post("/basket/lines", data=form)

    assert answer.headers["location"] == "/?search=a%26b&page=2&added=71053"


async def test_basket_can_be_changed(shop: AsyncClient) -> None:
    """New quantities are kept, zero takes a line out."""
    await shop.post("/basket/lines", data={"sku": "71053"})
    await shop.post("/basket/lines", data={"sku": "85123A"})

    form = {"sku": ["71053", "85123A"], "quantity": ["3", "0"]}
    answer = await shop.post("/basket", data=form)

    assert answer.headers["location"] == "/basket"
    assert shop.cookies["basket"] == "71053-3"


async def test_line_can_be_removed(shop: AsyncClient) -> None:
    """The last line removed leaves no cookie behind."""
    await shop.post("/basket/lines", data={"sku": "71053"})

    form = {"sku": "71053", "quantity": "1", "remove": "71053"}
    await shop.post("/basket", data=form)

    assert "basket" not in shop.cookies
    assert "Nothing in here yet" in (await shop.get("/basket")).text


async def test_basket_is_shown_while_the_catalog_is_away(
    shop: AsyncClient, troubles: dict[str, Exception]
) -> None:
    """A line whose price nobody knows is shown by its stock code."""
    await shop.post("/basket/lines", data={"sku": "71053"})
    troubles["catalog"] = AWAY

    page = await shop.get("/basket")

    assert page.status_code == 200
    assert "Stock code 71053" in page.text
    assert "So far" in page.text


async def test_form_of_another_site_changes_nothing(shop: AsyncClient) -> None:
    """A browser says where a form comes from; another site's is refused."""
    answer = await shop.post(
        "/basket/lines",
        data={"sku": "71053"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert (answer.status_code, answer.json()["kind"]) == (403, "other_site")
    assert "basket" not in shop.cookies


async def test_words_of_strangers_are_shown_as_text_only(
    shop: AsyncClient, sold: dict[str, Product]
) -> None:
    """Markup in a name or a search is escaped."""
    attack = "<script>alert(1)</script>\"'"
    sold["10000"] = Product(sku="10000", name=attack, price_pence=1)

    page = await shop.get("/", params={"search": attack, "added": attack})
    product = await shop.get("/products/10000")

    assert "<script>" not in page.text
    assert "<script>" not in product.text
    assert "&lt;script&gt;" in product.text


async def test_pages_tell_the_browser_what_it_may_load(shop: AsyncClient) -> None:
    """Only our own files, no inline script or style, no framing."""
    page = await shop.get("/")

    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "style=" not in page.text
    assert "<style" not in page.text


async def test_files_are_served_without_the_rules_of_pages(shop: AsyncClient) -> None:
    """The stylesheet and the module come with their own types."""
    style = await shop.get("/static/shop.css")
    module = await shop.get("/static/watch.js")

    assert style.headers["content-type"].startswith("text/css")
    assert "javascript" in module.headers["content-type"]
    assert "content-security-policy" not in style.headers


@pytest.mark.parametrize("path", ["/nowhere", "/static/nothing.css"])
async def test_address_that_leads_nowhere_is_a_page(
    shop: AsyncClient, path: str
) -> None:
    """A buyer who mistyped sees the shop and a way back."""
    page = await shop.get(path)

    assert page.status_code == 404
    assert "no such page" in page.text


async def test_code_that_the_catalog_cannot_read_is_of_no_product(
    shop: AsyncClient, troubles: dict[str, Exception]
) -> None:
    """Whatever stands in the address, the buyer learns that nothing is sold there."""
    troubles["catalog"] = OddCode("far too long", status=422, provider="catalog")

    page = await shop.get(f"/products/{'9' * 65}")

    assert page.status_code == 404
