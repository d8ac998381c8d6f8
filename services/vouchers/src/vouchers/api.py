"""The HTTP API of vouchers."""

from uuid import UUID

from flask import Blueprint, Response, request
from pydantic import BaseModel

from fleetwright import Problem
from fleetwright.auth import Principal, allow
from fleetwright.database import Database
from fleetwright.flask import body, caller, uses
from fleetwright.idempotency.flask import idempotency_key
from vouchers.clients import Orders
from vouchers.codes import tidy
from vouchers.messages import NewRedemption, NewVoucher, RedemptionList
from vouchers.redeeming import (
    as_redemption,
    as_voucher,
    issued,
    redeemed,
    spent_on,
    unknown_voucher,
)
from vouchers.tables import VoucherRow

CLERK = "clerk"  # the role of people who work for all customers

api = Blueprint("vouchers", __name__, url_prefix="/v1")


@api.post("/vouchers")
@allow(scope="vouchers:issue", role=CLERK)
def issue() -> Response:
    """Issue a voucher, once for a key."""
    key, new = idempotency_key(), body(NewVoucher)
    with uses(Database).transaction() as transaction:
        key.claim(transaction)
        voucher = as_voucher(issued(transaction, new))
        key.keep(transaction, voucher)
    return answered(voucher, 201)


@api.get("/vouchers/<code>")
@allow("storefront", scope="vouchers:read", role=CLERK)
def voucher(code: str) -> Response:
    """Return one voucher as it stands now."""
    with uses(Database).reading() as reading:
        row = reading.get(VoucherRow, tidy(code))
        if row is None:
            raise unknown_voucher(tidy(code))
        return answered(as_voucher(row))


@api.post("/vouchers/<code>/redemptions")
@allow("storefront", scope="vouchers:spend")
def redeem(code: str) -> Response:
    """Spend a voucher on an order, or say why it cannot be spent."""
    key, new = idempotency_key(), body(NewRedemption)
    with uses(Database).reading() as reading:
        key.replay(reading)  # orders need not be asked again
    order = uses(Orders).find(new.order_id)
    if order is None or not acts_for(caller(), order.customer_id):
        raise Problem(
            409, "No such order", detail=f"Asked for {new.order_id}.", kind="no_order"
        )
    with uses(Database).transaction() as transaction:
        key.claim(transaction)
        spent = as_redemption(redeemed(transaction, tidy(code), order))
        key.keep(transaction, spent)
    return answered(spent, 201)


@api.get("/redemptions")
@allow("storefront", scope="vouchers:read", role=CLERK)
def redemptions() -> Response:
    """Return what was spent on one order."""
    asked = request.args.get("order_id", "")
    try:
        order_id = UUID(asked)
    except ValueError:
        raise Problem(
            422,
            "The request is not valid",
            detail="order_id is the id of an order.",
            kind="invalid_request",
        ) from None
    with uses(Database).reading() as reading:
        row = spent_on(reading, order_id)
        items = [] if row is None else [as_redemption(row)]
    return answered(RedemptionList(items=items))


def acts_for(who: Principal, customer_id: str | None) -> bool:
    """Return whether somebody may act for a customer: a buyer only for themselves.

    Args:
        who: Who calls.
        customer_id: The customer; None for a guest, for whom no buyer acts.
    """
    return who.kind == "service" or CLERK in who.roles or who.subject == customer_id


def answered(answer: BaseModel, status: int = 200) -> Response:
    """Return a model as the answer to a request.

    Args:
        answer: What is answered.
        status: The HTTP status.
    """
    return Response(answer.model_dump_json(), status, content_type="application/json")
