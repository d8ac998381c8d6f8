"""Spending a voucher on an order."""

import re
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from fleetwright import Unavailable
from fleetwright.auth import public
from fleetwright.fastapi import Uses
from storefront.clients import NewRedemption, Orders, VoucherRefused, Vouchers
from storefront.ordering import order_page
from storefront.till import NOT_NOW, Till, refused
from storefront.visit import BuyersBasket, own_pages_only

router = APIRouter(tags=["orders"])
log = structlog.get_logger()

LONGEST_CODE = 40
UNKNOWN = {"kind": "unknown_voucher"}
_CODE = re.compile(r"[0-9A-Za-z \-]+", re.ASCII)
_KEY = re.compile(r"[0-9a-f\-]{36}", re.ASCII)


class VoucherForm:
    """The form of a voucher as it was sent: what was typed, and the form's own key."""

    def __init__(
        self,
        code: Annotated[str, Form()] = "",
        key: Annotated[str, Form()] = "",
    ) -> None:
        """Read the fields of the form."""
        self.code = code.strip()[:LONGEST_CODE]
        self.key = key if _KEY.fullmatch(key) else ""


@router.post(
    "/orders/{order_id}/voucher",
    response_class=RedirectResponse,
    status_code=303,
    dependencies=[Depends(own_pages_only)],
    summary="Spend a voucher on an order",
)
@public
async def spend(
    order_id: UUID,
    basket: BuyersBasket,
    orders: Annotated[Orders, Uses(Orders)],
    vouchers: Annotated[Vouchers, Uses(Vouchers)],
    form: Annotated[VoucherForm, Depends(VoucherForm)],
) -> Response:
    """Spend the voucher of the form, once, however often the form is sent."""
    where = f"/orders/{order_id}#till"
    typed, key = form.code, form.key
    if not typed or not key:
        return RedirectResponse(where, status_code=303)
    try:
        if not _CODE.fullmatch(typed):
            raise VoucherRefused("no code", status=404, problem=UNKNOWN)
        spent = NewRedemption(order_id=order_id)
        await vouchers.redeem(typed, spent, idempotency_key=key)
    except VoucherRefused as refusal:
        shown, status = refused(typed, refusal), 422
    except Unavailable as error:
        log.warning("voucher.postponed", reason=error.reason)
        shown, status = Till(is_away=True, code=typed, key=key, notice=NOT_NOW), 503
    else:
        return RedirectResponse(where, status_code=303)

    async def as_it_is(_: UUID) -> Till:
        return shown

    return await order_page(str(order_id), basket, orders, as_it_is, status=status)
