"""Stock's books against its own rows and against orders: not a unit is lost."""

from collections import Counter

from shop_replay.audit import Check
from shop_replay.records import Order, Records


def stocktaking(records: Records) -> list[Check]:
    """Return every check of the units of a run that is at rest.

    Args:
        records: What the databases of the shop say.
    """
    return [units_conserved(records), holds_fit_orders(records), units_back(records)]


def units_conserved(records: Records) -> Check:
    """For every product received = on hand + held + sold - returned, row by row."""
    books = records.stock
    recounted = books.recounted()
    problems = [
        f"{sku}: counted {books.counts.get(sku)}, its rows say {recounted.get(sku)}"
        for sku in sorted(books.counts.keys() | recounted.keys())
        if books.counts.get(sku) != recounted.get(sku)
    ]
    for sku, it in books.counts.items():
        if it.received != it.on_hand + it.held + it.sold - it.returned:
            problems.append(f"{sku}: units are lost or made: {it}")
        if it.on_hand < 0:
            problems.append(f"{sku}: {-it.on_hand} units are owed")
    sold = sum(it.sold for it in books.counts.values())
    back = sum(it.returned for it in books.counts.values())
    figure = f"{len(books.counts)} products, {sold:,} units sold, {back:,} back"
    return Check("every unit is somewhere", figure, tuple(problems))


def holds_fit_orders(records: Records) -> Check:
    """Every order's units are held once: sold when paid, free again when refused."""
    states = {"paid": "sold", "refused": "refused", "accepted": "placed"}
    holds = {it.id: it for it in records.stock.holds}
    orders = {it.id: it for it in records.orders}
    problems = []
    for order in records.orders:
        hold = holds.get(order.id)
        if hold is None:
            problems.append(f"{order.reference} holds nothing")
            continue
        if hold.state != states.get(order.state):
            problems.append(
                f"{order.reference} is {order.state}, its units are {hold.state}"
            )
        if dict(hold.units) != dict(_units(order)):
            problems.append(f"{order.reference} holds other units than it has lines")
    problems += [
        f"hold {it.id} of no order is {it.state}"
        for it in records.stock.holds
        if it.id not in orders and it.state not in ("released", "expired")
    ]
    return Check(
        "every order's units are held once, then sold or free",
        f"{len(records.stock.holds)} holds",
        tuple(problems),
    )


def units_back(records: Records) -> Check:
    """What came back to the shelf is what orders took back and payments paid out."""
    skus = {
        (order.id, line.position): line.sku
        for order in records.orders
        for line in order.lines
    }
    due = {
        it.id: (it.order_id, skus.get((it.order_id, it.position)), it.quantity)
        for it in records.refunds
        if it.state == "refunded"
    }
    came = {it.id: (it.hold_id, it.sku, it.quantity) for it in records.stock.returns}
    problems = [
        f"refund {refund}: orders {due.get(refund)}, stock {came.get(refund)}"
        for refund in sorted(due.keys() | came.keys())
        if due.get(refund) != came.get(refund)
    ]
    if len(came) != len(records.stock.returns):
        problems.append("units came back twice")
    return Check(
        "returned units are back on the shelf", f"{len(came)} returns", tuple(problems)
    )


def _units(order: Order) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in order.lines:
        units[line.sku] += line.quantity
    return units
