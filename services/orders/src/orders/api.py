"""The HTTP API of orders."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import func, select

from fleetwright import Problem
from fleetwright.auth import allow
from fleetwright.database import AsyncDatabase
from fleetwright.fastapi import INVALID_REQUEST, Caller, Uses, refused
from fleetwright.idempotency.fastapi import KEY_PARAMETER, REPLAYED, Idempotent
from orders.cancelling import cancelled_now
from orders.clients import Catalog
from orders.holding import held, order_id_of
from orders.lifecycle import OrderState
from orders.messages import (
    Cancellation,
    NewCancellation,
    NewOrder,
    Order,
    OrderConflict,
    OrderPage,
    OrderRefused,
)
from orders.owners import acts_for, only, require_own
from orders.placing import found, placed_now, priced, summary
from orders.tables import OrderRow
from shop_stock.stock_pb2_grpc import StockStub

router = APIRouter(prefix="/v1", responses={422: INVALID_REQUEST})

Database = Annotated[AsyncDatabase, Uses(AsyncDatabase)]
Prices = Annotated[Catalog, Uses(Catalog)]
Stock = Annotated[StockStub, Uses(StockStub)]
NO_KEY = refused("No usable key: `missing_idempotency_key`, `odd_idempotency_key`.")
IN_PROGRESS = refused(
    "It was sent before and is being answered: `idempotency_key_in_progress`."
)
AGAIN: dict[str, Any] = REPLAYED | {
    "description": "The request was made before: this is what was answered then, and "
    "nothing was done now."
}


@router.post(
    "/orders",
    status_code=201,
    tags=["orders"],
    summary="Place an order",
    response_description="The order was accepted; its payment is under way.",
    openapi_extra=KEY_PARAMETER,
    responses={
        200: AGAIN | {"model": Order},
        400: NO_KEY,
        409: refused(
            "Refused: `out_of_stock`, with every product there is too little of; or it "
            "was sent before and is being answered: `idempotency_key_in_progress`.",
            OrderConflict,
        ),
        422: refused(
            "Refused: `bad_lines`, with every bad line, or `idempotency_key_reused`; "
            "or it cannot be read: `invalid_request`.",
            OrderRefused,
        ),
        503: refused(
            "Catalog or stock is not there now: `unavailable`. Ask again, same key."
        ),
        504: refused(
            "Catalog or stock is too slow now: `timeout`. Ask again, same key."
        ),
    },
)
@allow("storefront", scope="orders:write")
async def place(
    new: NewOrder,
    key: Idempotent,
    *,
    catalog: Prices,
    stock: Stock,
    database: Database,
    caller: Caller,
) -> Order:
    """Price the order by the catalog, hold its units, keep it and tell the fleet.

    A request repeated with its key is answered as it was the first time, whether or
    not the catalog still knows the products.
    """
    require_own(caller, new.customer_id)
    async with database.reading() as reading:
        await key.replay(reading)
    lines = await priced(new.lines, catalog)
    order_id = order_id_of(key.name)
    await held(order_id, lines, stock)
    async with database.transaction() as transaction:
        # Asked again: its twin may have been kept while this one was priced.
        await key.claim(transaction)
        order = await placed_now(transaction, order_id, new, lines)
        await key.keep(transaction, order, status=200)
    return order


@router.get(
    "/orders",
    tags=["orders"],
    summary="List orders",
    response_description="One page, newest first.",
)
@allow("storefront", scope="orders:read")
async def orders(
    database: Database,
    caller: Caller,
    status: Annotated[OrderState | None, Query(description="Only these.")] = None,
    customer_id: Annotated[
        str | None, Query(max_length=64, description="Only this customer's.")
    ] = None,
    page: Annotated[
        int, Query(ge=1, le=1_000_000, description="Which page, from 1.")
    ] = 1,
    page_size: Annotated[
        int, Query(ge=1, le=100, description="Longest length of a page.")
    ] = 50,
) -> OrderPage:
    """Return orders without their lines, a page at a time; a buyer's own only."""
    wanted = []
    if (own := only(caller)) is not None:
        wanted.append(OrderRow.customer_id == own)
    if status is not None:
        wanted.append(OrderRow.state == status)
    if customer_id is not None:
        wanted.append(OrderRow.customer_id == customer_id)
    rows = (
        select(OrderRow)
        .where(*wanted)
        .order_by(OrderRow.number.desc())
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    async with database.reading() as reading:
        total = await reading.scalar(
            select(func.count()).select_from(OrderRow).where(*wanted)
        )
        items = [summary(row) for row in await reading.scalars(rows)]
    return OrderPage(items=items, page=page, page_size=page_size, total=total or 0)


@router.get(
    "/orders/{order_id}",
    tags=["orders"],
    summary="Find an order",
    response_description="The order as it stands now.",
    responses={404: refused("There is none: `unknown_order`.")},
)
@allow("storefront", "vouchers", scope="orders:read")
async def order(order_id: UUID, database: Database, caller: Caller) -> Order:
    """Return one order with its lines and what was given back of it."""
    async with database.reading() as reading:
        known = await found(reading, order_id)
    if known is None or not acts_for(caller, known.customer_id):
        raise Problem(
            404, "No such order", detail=f"Asked for {order_id}.", kind="unknown_order"
        )
    return known


@router.post(
    "/cancellations",
    status_code=201,
    tags=["cancellations"],
    summary="Cancel what was bought",
    response_description="What became of every line.",
    openapi_extra=KEY_PARAMETER,
    responses={
        200: AGAIN | {"model": Cancellation},
        400: NO_KEY,
        409: IN_PROGRESS,
        422: refused(
            "Refused: `idempotency_key_reused`; or it cannot be read: "
            "`invalid_request`."
        ),
    },
)
@allow("storefront", scope="orders:write")
async def cancel(
    new: NewCancellation, key: Idempotent, database: Database, caller: Caller
) -> Cancellation:
    """Give back what the same customer bought, oldest first, at the price paid.

    A line is taken back whole or not at all; a line that is not says why.
    """
    require_own(caller, new.customer_id)
    async with database.transaction() as transaction:
        await key.claim(transaction)
        answer = await cancelled_now(transaction, new)
        await key.keep(transaction, answer, status=200)
    return answer
