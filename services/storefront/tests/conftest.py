"""Fixtures shared by the tests of storefront: a shop whose neighbours are made up."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from httpx2 import AsyncClient

from fleetwright.testing import serving
from storefront.app import create_app
from storefront.clients import (
    Catalog,
    NewOrder,
    NewRedemption,
    Order,
    OrderLine,
    Orders,
    OrderStatus,
    Product,
    ProductPage,
    Quotes,
    Redemption,
    Redemptions,
    VoucherRefused,
    Vouchers,
    WantedQuotes,
)
from storefront.settings import StorefrontSettings

LANTERN = Product(sku="71053", name="WHITE METAL LANTERN", price_pence=339)
GOOD_CODE = "ABCD-EFGH-JKMN"
HEART = Product(
    sku="85123A", name="WHITE HANGING HEART T-LIGHT HOLDER", price_pence=255
)


class MadeUpCatalog:
    """A catalog of the products in a dictionary; it raises the trouble it is given."""

    def __init__(
        self, sold: dict[str, Product], troubles: dict[str, Exception]
    ) -> None:
        """Sell what is in `sold`."""
        self._sold = sold
        self._troubles = troubles

    async def products(self, search: str, page: int, page_size: int) -> ProductPage:
        """Return one page of the products whose names match."""
        self._raise_trouble()
        found = [one for one in self._sold.values() if search.upper() in one.name]
        first = (page - 1) * page_size
        return ProductPage(items=found[first : first + page_size], total=len(found))

    async def product(self, sku: str) -> Product | None:
        """Return the product, if it is sold."""
        self._raise_trouble()
        return self._sold.get(sku)

    async def quotes(self, wanted: WantedQuotes) -> Quotes:
        """Return prices of what is sold."""
        self._raise_trouble()
        return Quotes(
            quotes=[self._sold[sku] for sku in wanted.skus if sku in self._sold],
            unknown=[sku for sku in wanted.skus if sku not in self._sold],
        )

    def _raise_trouble(self) -> None:
        if "catalog" in self._troubles:
            raise self._troubles["catalog"]


class MadeUpOrders:
    """An order desk that takes every order, once per key."""

    def __init__(
        self,
        taken: dict[str, NewOrder],
        kept: dict[UUID, Order],
        troubles: dict[str, Exception],
    ) -> None:
        """Note what was taken and what is kept."""
        self._taken = taken
        self._kept = kept
        self._troubles = troubles
        self._ids: dict[str, UUID] = {}

    async def place(self, order: NewOrder, *, idempotency_key: str) -> Order:
        """Take the order, or return the one taken for the same key."""
        if "orders" in self._troubles:
            raise self._troubles["orders"]
        if idempotency_key not in self._ids:
            self._taken[idempotency_key] = order
            self._ids[idempotency_key] = uuid4()
            self._kept[self._ids[idempotency_key]] = Order(
                id=self._ids[idempotency_key],
                reference=order.reference,
                customer_id=order.customer_id,
                country=order.country,
                status=OrderStatus.accepted,
                total_pence=678,
                lines=[
                    OrderLine(
                        sku=line.sku,
                        name="A THING",
                        quantity=line.quantity,
                        price_pence=1,
                    )
                    for line in order.lines
                ],
                refused_because=None,
                created_at=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
            )
        return self._kept[self._ids[idempotency_key]]

    async def find(self, order_id: UUID) -> Order | None:
        """Return the order, if it is kept."""
        if "orders" in self._troubles:
            raise self._troubles["orders"]
        return self._kept.get(order_id)


class MadeUpVouchers:
    """A voucher desk that knows one good voucher."""

    def __init__(
        self, spent: dict[UUID, Redemption], troubles: dict[str, Exception]
    ) -> None:
        """Note what was spent on which order."""
        self._spent = spent
        self._troubles = troubles

    async def spent_on(self, order_id: UUID) -> Redemptions:
        """Return what was spent on an order."""
        if "vouchers" in self._troubles:
            raise self._troubles["vouchers"]
        found = self._spent.get(order_id)
        return Redemptions(items=[] if found is None else [found])

    async def redeem(
        self, code: str, spent: NewRedemption, *, idempotency_key: str
    ) -> Redemption:
        """Spend the good voucher; refuse any other."""
        if "redeeming" in self._troubles:
            raise self._troubles["redeeming"]
        if code != GOOD_CODE:
            problem = {"kind": "unknown_voucher"}
            raise VoucherRefused("no", status=404, problem=problem)
        redemption = Redemption(code=code, worth_pence=500)
        return self._spent.setdefault(spent.order_id, redemption)


@pytest.fixture
def spent() -> dict[UUID, Redemption]:
    """Return the vouchers spent, by order; a test may add some."""
    return {}


@pytest.fixture
def sold() -> dict[str, Product]:
    """Return what the catalog sells, by stock code: a lantern and a heart."""
    return {one.sku: one for one in (LANTERN, HEART)}


@pytest.fixture
def troubles() -> dict[str, Exception]:
    """Return what the neighbours and `redeeming` raise, by name; nothing at first."""
    return {}


@pytest.fixture
def taken() -> dict[str, NewOrder]:
    """Return the orders taken, by idempotency key."""
    return {}


@pytest.fixture
def kept() -> dict[UUID, Order]:
    """Return the orders kept, by id; a test may change what became of them."""
    return {}


@pytest.fixture
def catalog(sold: dict[str, Product], troubles: dict[str, Exception]) -> Catalog:
    """Return a made-up catalog."""
    return MadeUpCatalog(sold, troubles)


@pytest.fixture
async def shop(
    catalog: Catalog,
    taken: dict[str, NewOrder],
    kept: dict[UUID, Order],
    spent: dict[UUID, Redemption],
    troubles: dict[str, Exception],
) -> AsyncIterator[AsyncClient]:
    """Serve the shop in memory, with made-up neighbours."""
    orders = MadeUpOrders(taken, kept, troubles)
    app = create_app(StorefrontSettings(page_size=2))
    vouchers = MadeUpVouchers(spent, troubles)
    replace = {Catalog: catalog, Orders: orders, Vouchers: vouchers}
    async with serving(app, replace=replace) as http:
        yield http
