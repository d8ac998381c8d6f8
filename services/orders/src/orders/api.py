"""The HTTP API of orders."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import func, select

from fleetwright import Problem
from fleetwright.database import AsyncDatabase
from fleetwright.fastapi import Uses
from orders.cancelling import cancelled_before, cancelled_now
from orders.clients import Catalog
from orders.idempotency import KEY_PARAMETER, fingerprint, idempotency_key
from orders.lifecycle import OrderState
from orders.messages import (
    Cancellation,
    NewCancellation,
    NewOrder,
    Order,
    OrderPage,
    OrderRefused,
)
from orders.placing import found, placed_before, placed_now, priced, summary
from orders.refusals import INVALID, refused
from orders.tables import OrderRow

router = APIRouter(prefix="/v1", responses={422: INVALID})

Database = Annotated[AsyncDatabase, Uses(AsyncDatabase)]
Prices = Annotated[Catalog, Uses(Catalog)]
Key = Annotated[str, Depends(idempotency_key)]
NO_KEY = refused("No usable key: `missing_idempotency_key`, `odd_idempotency_key`.")
REPLAYED: dict[str, Any] = {
    "description": "The request was made before: this is what it made, and nothing was "
    "done now.",
    "headers": {
        "Idempotency-Replayed": {
            "description": "Always `true`.",
            "schema": {"type": "string"},
        }
    },
}


@router.post(
    "/orders",
    status_code=201,
    tags=["orders"],
    summary="Place an order",
    response_description="The order was accepted; its payment is under way.",
    openapi_extra=KEY_PARAMETER,
    responses={
        200: REPLAYED | {"model": Order},
        400: NO_KEY,
        422: refused(
            "Refused: `bad_lines`, with every bad line, or `idempotency_key_reused`; "
            "or it cannot be read: `invalid_request`.",
            OrderRefused,
        ),
        503: refused(
            "The catalog is not there now: `unavailable`. Ask again, same key."
        ),
        504: refused("The catalog is too slow now: `timeout`. Ask again, same key."),
    },
)
async def place(
    new: NewOrder, key: Key, catalog: Prices, database: Database, response: Response
) -> Order:
    """Price the order by the catalog, keep it and tell the fleet.

    A request repeated with its key is answered with the order it made the first time,
    whether or not the catalog still knows the products.
    """
    asked = fingerprint("POST", "/v1/orders", new)
    async with database.reading() as reading:
        order = await placed_before(reading, key, asked)
    if order is None:
        lines = await priced(new.lines, catalog)
        async with database.transaction() as transaction:
            # Asked again: its twin may have been kept while this one was priced.
            order = await placed_before(transaction, key, asked)
            if order is None:
                return await placed_now(transaction, new, lines, key=key, asked=asked)
    replayed(response)
    return order


@router.get(
    "/orders",
    tags=["orders"],
    summary="List orders",
    response_description="One page, newest first.",
)
async def orders(
    database: Database,
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
    """Return orders without their lines, a page at a time."""
    wanted = []
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
async def order(order_id: UUID, database: Database) -> Order:
    """Return one order with its lines and what was given back of it."""
    async with database.reading() as reading:
        known = await found(reading, order_id)
    if known is None:
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
        200: REPLAYED | {"model": Cancellation},
        400: NO_KEY,
        422: refused(
            "Refused: `idempotency_key_reused`; or it cannot be read: "
            "`invalid_request`."
        ),
    },
)
async def cancel(
    new: NewCancellation, key: Key, database: Database, response: Response
) -> Cancellation:
    """Give back what the same customer bought, oldest first, at the price paid.

    A line is taken back whole or not at all; a line that is not says why.
    """
    asked = fingerprint("POST", "/v1/cancellations", new)
    async with database.transaction() as transaction:
        answer = await cancelled_before(transaction, key, asked)
        if answer is None:
            return await cancelled_now(transaction, new, key=key, asked=asked)
    replayed(response)
    return answer


def replayed(response: Response) -> None:
    """Mark the answer as one that was given before.

    Args:
        response: The answer being made.
    """
    response.status_code = 200
    response.headers["Idempotency-Replayed"] = "true"
