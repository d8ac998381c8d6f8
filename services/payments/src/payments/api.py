"""The HTTP API of payments."""

from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Query
from sqlalchemy import func, select

from fleetwright import Problem
from fleetwright.auth import allow
from fleetwright.database import AsyncDatabase
from fleetwright.fastapi import INVALID_REQUEST, Uses, refused
from fleetwright.idempotency.fastapi import KEY_PARAMETER, REPLAYED, Idempotent
from payments.charging import (
    charge_key,
    charge_of,
    charged,
    refund_key,
    refunded,
    refusal,
)
from payments.clients import BankClient
from payments.messages import (
    Charge,
    ChargePage,
    NewCharge,
    NewRefund,
    Refund,
)
from payments.money import REFUSALS, ChargeState, RefundState
from payments.tables import ChargeRow, RefundRow

router = APIRouter(prefix="/v1", tags=["charges"], responses={422: INVALID_REQUEST})

Database = Annotated[AsyncDatabase, Uses(AsyncDatabase)]
Asked = Annotated[BankClient, Uses(BankClient)]
# A refund's id follows from its request, so that the bank knows a repetition of it even
# when the first one died before it could keep anything.
REFUND_IDS = UUID("8f4b5c1e-6d1b-4c57-9d51-5b5ad0d4b6a7")
ANSWERS: dict[int | str, dict[str, Any]] = {
    400: refused("No usable key: `missing_idempotency_key`, `odd_idempotency_key`."),
    422: refused(
        "Refused: `idempotency_key_reused`; or it cannot be read: `invalid_request`."
    ),
    503: refused("The bank does not answer: `unavailable`. Ask again, same key."),
}


@router.post(
    "/charges",
    status_code=201,
    summary="Charge an order",
    response_description="The charge, `captured` or `declined`.",
    openapi_extra=KEY_PARAMETER,
    responses=ANSWERS
    | {
        201: REPLAYED,
        409: refused(
            "It was charged before: `already_charged`; or it is being answered: "
            "`idempotency_key_in_progress`."
        ),
    },
)
@allow("orders", scope="payments:write")
async def charge(
    new: NewCharge, key: Idempotent, bank: Asked, database: Database
) -> Charge:
    """Take the money of one order, once, whoever asks and however often.

    Orders placed in the shop are charged without being asked for here: payments hears
    of them.
    """
    async with database.reading() as reading:
        await key.replay(reading)
        known = await reading.scalar(
            select(ChargeRow.id).where(ChargeRow.order_id == new.order_id)
        )
    if known is not None:
        raise already_charged(new.order_id)

    # Outside the transaction: the bank may be slow, and by its own key it takes the
    # money once, even if two of us ask at the same time.
    declined_because = await bank.charge(charge_key(new.order_id), new.reference)
    async with database.transaction() as transaction:
        await key.claim(transaction)
        if await charge_of(transaction, new.order_id) is not None:
            raise already_charged(new.order_id)
        made = as_charge(charged(transaction, new, declined_because))
        await key.keep(transaction, made)
    return made


@router.get(
    "/charges",
    summary="List charges",
    response_description="One page, newest first.",
)
@allow("orders", scope="payments:read")
async def charges(
    database: Database,
    order_id: Annotated[
        UUID | None, Query(description="Only the charge of this order.")
    ] = None,
    page: Annotated[
        int, Query(ge=1, le=1_000_000, description="Which page, from 1.")
    ] = 1,
    page_size: Annotated[
        int, Query(ge=1, le=100, description="Longest length of a page.")
    ] = 50,
) -> ChargePage:
    """Return charges, a page at a time."""
    wanted = [] if order_id is None else [ChargeRow.order_id == order_id]
    rows = (
        select(ChargeRow)
        .where(*wanted)
        .order_by(ChargeRow.created_at.desc(), ChargeRow.id.desc())
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    async with database.reading() as reading:
        total = await reading.scalar(
            select(func.count()).select_from(ChargeRow).where(*wanted)
        )
        items = [as_charge(row) for row in await reading.scalars(rows)]
    return ChargePage(items=items, page=page, page_size=page_size, total=total or 0)


@router.get(
    "/charges/{charge_id}",
    summary="Find a charge",
    response_description="The charge as it stands now.",
    responses={404: refused("There is none: `unknown_charge`.")},
)
@allow("orders", scope="payments:read")
async def one_charge(charge_id: UUID, database: Database) -> Charge:
    """Return one charge."""
    async with database.reading() as reading:
        row = await reading.get(ChargeRow, charge_id)
    if row is None:
        raise unknown_charge(charge_id)
    return as_charge(row)


@router.post(
    "/charges/{charge_id}/refunds",
    status_code=201,
    summary="Give money back",
    response_description="The money went back.",
    openapi_extra=KEY_PARAMETER,
    responses=ANSWERS
    | {
        201: REPLAYED,
        404: refused("There is no such charge: `unknown_charge`."),
        409: refused(
            "It may not go back: `not_captured`, `exceeds_charge`; or it is being "
            "answered: `idempotency_key_in_progress`."
        ),
    },
)
@allow("orders", scope="payments:write")
async def refund(
    charge_id: UUID, new: NewRefund, key: Idempotent, bank: Asked, database: Database
) -> Refund:
    """Give back a part of a charge, or all of it, never more than was taken.

    Refunds of cancelled orders are given without being asked for here.
    """
    async with database.transaction() as transaction:
        await key.claim(transaction)
        row = await transaction.get(ChargeRow, charge_id, with_for_update=True)
        if row is None:
            raise unknown_charge(charge_id)
        if (kind := refusal(row, new.amount_pence)) is not None:
            raise Problem(409, "Not refunded", detail=REFUSALS[kind], kind=kind)
        # Inside the transaction: what is left of the charge must not change between
        # the question above and the money going back.
        refund_id = uuid5(REFUND_IDS, key.name)
        await bank.refund(refund_key(refund_id))
        made = as_refund(
            refunded(transaction, row, refund_id, new.amount_pence), row.order_id
        )
        await key.keep(transaction, made)
    return made


def as_charge(row: ChargeRow) -> Charge:
    """Return the charge kept in `row`."""
    return Charge(
        id=row.id,
        order_id=row.order_id,
        reference=row.reference,
        customer_id=row.customer_id,
        amount_pence=row.amount_pence,
        refunded_pence=row.refunded_pence,
        status=ChargeState(row.state),
        declined_because=row.declined_because,
        created_at=row.created_at,
    )


def as_refund(row: RefundRow, order_id: UUID) -> Refund:
    """Return the refund kept in `row`.

    Args:
        row: The refund.
        order_id: The order whose charge it is of.
    """
    return Refund(
        id=row.id,
        charge_id=row.charge_id,
        order_id=order_id,
        amount_pence=row.amount_pence,
        status=RefundState(row.state),
        created_at=row.created_at,
    )


def already_charged(order_id: UUID) -> Problem:
    """Return the refusal to charge an order a second time."""
    detail = f"The order {order_id} has its charge; find it by ?order_id=."
    return Problem(409, "Charged before", detail=detail, kind="already_charged")


def unknown_charge(charge_id: UUID) -> Problem:
    """Return the refusal to speak of a charge that is not there."""
    return Problem(
        404, "No such charge", detail=f"Asked for {charge_id}.", kind="unknown_charge"
    )
