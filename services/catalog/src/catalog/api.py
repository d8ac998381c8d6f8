"""The HTTP API of catalog."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import ColumnElement, func, or_, select

from catalog.messages import (
    NewProduct,
    Product,
    ProductPage,
    Quote,
    Quotes,
    WantedQuotes,
)
from catalog.products import refusal
from catalog.tables import ProductRow
from fleetwright import Problem
from fleetwright.auth import allow, public
from fleetwright.database import AsyncDatabase
from fleetwright.fastapi import INVALID_REQUEST, Uses, refused

router = APIRouter(prefix="/v1", responses={422: INVALID_REQUEST})

Database = Annotated[AsyncDatabase, Uses(AsyncDatabase)]
Sku = Annotated[
    str, Path(max_length=64, description="The stock code.", examples=["71053"])
]


@router.put(
    "/products/{sku}",
    tags=["products"],
    summary="Keep a product",
    response_description="The product was known; this is what it is now.",
    responses={
        201: {"model": Product, "description": "The product is new."},
        422: refused(
            "Refused: `odd_code`, `no_description`, `price_not_positive`; or it cannot "
            "be read: `invalid_request`."
        ),
    },
)
@allow(scope="catalog:write")
async def keep(
    sku: Sku, new: NewProduct, database: Database, response: Response
) -> Product:
    """Add the product, or change its name and price.

    Orders already placed keep the name and the price they were placed at.
    """
    if (why := refusal(sku, new.name, new.price_pence)) is not None:
        raise Problem(422, "Product refused", detail=why.detail, kind=why.kind)

    name = new.name.strip()
    now = datetime.now(UTC)
    async with database.transaction() as transaction:
        row = await transaction.get(ProductRow, sku, with_for_update=True)
        if row is None:
            response.status_code = 201
            row = ProductRow(sku=sku)
            transaction.add(row)
        row.name, row.price_pence, row.changed_at = name, new.price_pence, now
    return Product(sku=sku, name=name, price_pence=new.price_pence)


@router.get(
    "/products",
    tags=["products"],
    summary="List products",
    response_description="One page, in the order of the stock codes.",
)
@public
async def products(
    database: Database,
    search: Annotated[
        str,
        Query(max_length=100, description="Part of a name or start of a stock code."),
    ] = "",
    page: Annotated[
        int, Query(ge=1, le=1_000_000, description="Which page, from 1.")
    ] = 1,
    page_size: Annotated[
        int, Query(ge=1, le=100, description="Longest length of a page.")
    ] = 50,
) -> ProductPage:
    """Return the products whose name or code matches, a page at a time."""
    wanted = matching(search.strip())
    rows = (
        select(ProductRow)
        .where(*wanted)
        .order_by(ProductRow.sku)
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    async with database.reading() as reading:
        total = await reading.scalar(
            select(func.count()).select_from(ProductRow).where(*wanted)
        )
        items = [as_product(row) for row in await reading.scalars(rows)]
    return ProductPage(items=items, page=page, page_size=page_size, total=total or 0)


@router.get(
    "/products/{sku}",
    tags=["products"],
    summary="Find a product",
    response_description="The product.",
    responses={404: refused("Nothing is sold by this code: `unknown_product`.")},
)
@public
async def product(sku: Sku, database: Database) -> Product:
    """Return one product by its stock code."""
    async with database.reading() as reading:
        row = await reading.get(ProductRow, sku)
    if row is None:
        raise Problem(
            404,
            "No such product",
            detail=f"The catalog has no {sku!r}.",
            kind="unknown_product",
        )
    return as_product(row)


@router.post(
    "/quotes",
    tags=["quotes"],
    summary="Price an order",
    response_description="Prices of what is sold and the codes of what is not.",
)
@allow("orders", "storefront", scope="catalog:read")
async def quotes(wanted: WantedQuotes, database: Database) -> Quotes:
    """Return the price of one unit of every product asked for.

    It changes nothing, so it may be repeated: a POST only because 2,000 codes do not
    fit into a URL.
    """
    skus = list(dict.fromkeys(wanted.skus))
    async with database.reading() as reading:
        found = await reading.execute(
            select(ProductRow.sku, ProductRow.name, ProductRow.price_pence).where(
                ProductRow.sku.in_(skus)
            )
        )
        priced = {
            sku: Quote(sku=sku, name=name, price_pence=price_pence)
            for sku, name, price_pence in found
        }
    return Quotes(
        quotes=[priced[sku] for sku in skus if sku in priced],
        unknown=[sku for sku in skus if sku not in priced],
    )


def matching(search: str) -> list[ColumnElement[bool]]:
    """Return the conditions a product meets when it is searched for.

    Args:
        search: Part of a name, or the start of a stock code; any letter case. Empty
            matches everything.
    """
    if not search:
        return []
    return [
        or_(
            ProductRow.name.icontains(search, autoescape=True),
            ProductRow.sku.istartswith(search, autoescape=True),
        )
    ]


def as_product(row: ProductRow) -> Product:
    """Return the product kept in `row`."""
    return Product(sku=row.sku, name=row.name, price_pence=row.price_pence)
