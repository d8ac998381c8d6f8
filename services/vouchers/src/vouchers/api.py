"""The HTTP API of vouchers."""

from flask import Blueprint

from fleetwright import Problem
from fleetwright.auth import Principal, allow
from fleetwright.database import Database
from fleetwright.flask import answers, body, caller, query, uses
from fleetwright.idempotency.flask import KEY_PARAMETER, idempotency_key
from vouchers.clients import Orders
from vouchers.codes import tidy
from vouchers.messages import (
    NewRedemption,
    NewVoucher,
    Redemption,
    RedemptionList,
    Voucher,
    WhichOrder,
)
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

NO_KEY = "No usable key: `missing_idempotency_key`, `odd_idempotency_key`."
REUSED = "Refused: `idempotency_key_reused`; or it cannot be read: `invalid_request`."
IN_PROGRESS = "`idempotency_key_in_progress`: it is being answered just now"
UNKNOWN = "There is no such voucher: `unknown_voucher`."

api = Blueprint("vouchers", __name__, url_prefix="/v1")


@api.post("/vouchers")
@allow(scope="vouchers:issue", role=CLERK)
@answers(
    Voucher,
    status=201,
    takes=NewVoucher,
    refusals={400: NO_KEY, 409: f"{IN_PROGRESS}.", 422: REUSED},
    extra=KEY_PARAMETER,
)
def issue() -> Voucher:
    """Issue a voucher, once for a key."""
    key, new = idempotency_key(), body(NewVoucher)
    with uses(Database).transaction() as transaction:
        key.claim(transaction)
        voucher = as_voucher(issued(transaction, new))
        key.keep(transaction, voucher)
    return voucher


@api.get("/vouchers/<code>")
@allow("storefront", scope="vouchers:read", role=CLERK)
@answers(Voucher, refusals={404: UNKNOWN})
def voucher(code: str) -> Voucher:
    """Return one voucher as it stands now; the spelling of its code does not matter."""
    with uses(Database).reading() as reading:
        row = reading.get(VoucherRow, tidy(code))
        if row is None:
            raise unknown_voucher(tidy(code))
        return as_voucher(row)


@api.post("/vouchers/<code>/redemptions")
@allow("storefront", scope="vouchers:spend")
@answers(
    Redemption,
    status=201,
    takes=NewRedemption,
    refusals={
        400: NO_KEY,
        404: UNKNOWN,
        409: "It cannot be spent: `voucher_spent`, `voucher_expired`; or not on this "
        f"order: `no_order`, `order_refused`, `order_has_voucher`; or {IN_PROGRESS}.",
        422: REUSED,
        503: "Orders is not there now: `unavailable`. Ask again, same key.",
        504: "Orders is too slow now: `timeout`. Ask again, same key.",
    },
    extra=KEY_PARAMETER,
)
def redeem(code: str) -> Redemption:
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
    return spent


@api.get("/redemptions")
@allow("storefront", scope="vouchers:read", role=CLERK)
@answers(RedemptionList, asks=WhichOrder)
def redemptions() -> RedemptionList:
    """Return what was spent on one order."""
    with uses(Database).reading() as reading:
        row = spent_on(reading, query(WhichOrder).order_id)
        return RedemptionList(items=[] if row is None else [as_redemption(row)])


def acts_for(who: Principal, customer_id: str | None) -> bool:
    """Return whether somebody may act for a customer: a buyer only for themselves.

    Args:
        who: Who calls.
        customer_id: The customer; None for a guest, for whom no buyer acts.
    """
    return who.kind == "service" or CLERK in who.roles or who.subject == customer_id
