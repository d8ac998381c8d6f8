"""The shop's books against the replay's own: every promise is one named check."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from shop_replay.ledger import ALWAYS, KNOWN_REASONS, KNOWN_REFUSALS, Ledger
from shop_replay.records import Order, Records

MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One promise and whether it was kept.

    Attributes:
        name: The promise, in words.
        figure: What was looked at, as a number with its unit.
        problems: Every breach, in words; empty when the promise was kept.
    """

    name: str
    figure: str
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the promise was kept."""
        return not self.problems

    def text(self) -> str:
        """Return the check as lines to read: the verdict, then the first breaches."""
        lines = [f"{'PASS' if self.ok else 'FAIL'}  {self.name}: {self.figure}"]
        lines += [f"      {problem}" for problem in self.problems[:MOST_SHOWN]]
        if len(self.problems) > MOST_SHOWN:
            lines.append(f"      ... {len(self.problems) - MOST_SHOWN} more")
        return "\n".join(lines)


def audit(ledger: Ledger, records: Records) -> list[Check]:
    """Return every check of a run that is at rest.

    Args:
        ledger: What was asked of the shop and answered.
        records: What its databases say.
    """
    checks: Sequence[Callable[[Ledger, Records], Check]] = (
        rows_accounted,
        calls_answered,
        one_order_each,
        orders_decided,
        totals_add_up,
        prices_were_quoted,
        money_fits,
        cancellations_kept,
        refunds_fit,
        refunds_paid_out,
        mails_sent_once,
        nothing_on_its_way,
    )
    return [check(ledger, records) for check in checks]


def rows_accounted(ledger: Ledger, records: Records) -> Check:
    """Every row read was ordered, refused with a known kind, or a cancellation's."""
    problems = []
    if ledger.rows_read != ledger.rows_accounted:
        problems.append(
            f"{ledger.rows_read} rows read, {ledger.rows_accounted} accounted for"
        )
    kept = sum(len(order.lines) for order in records.orders)
    if kept != ledger.rows_ordered:
        problems.append(f"{ledger.rows_ordered} rows ordered, {kept} lines kept")
    unknown = set(ledger.rows_refused) - KNOWN_REFUSALS
    unknown |= set(ledger.rows_not_taken_back) - KNOWN_REASONS
    problems += [f"refused for no known reason: {kind}" for kind in sorted(unknown)]
    if lost := ledger.rows_refused["unknown_product"]:
        problems.append(f"the catalog took {lost} products that orders did not find")
    return Check(
        "every row is accounted for", f"{ledger.rows_read} rows", tuple(problems)
    )


def calls_answered(ledger: Ledger, records: Records) -> Check:
    """Every call got an answer that counts within its bound."""
    return Check(
        "every invoice got an answer",
        f"{ledger.invoices} invoices",
        tuple(ledger.failures),
    )


def one_order_each(ledger: Ledger, records: Records) -> Check:
    """Every acceptable invoice is exactly one order with the lines that were sent."""
    problems = []
    kept = Counter(order.reference for order in records.orders)
    problems += [f"{ref} became {n} orders" for ref, n in kept.items() if n != 1]
    problems += [f"{ref} became no order" for ref in ledger.orders if ref not in kept]
    for order in records.orders:
        sent = ledger.orders.get(order.reference)
        if sent is None:
            problems.append(f"{order.reference} was never answered as accepted")
            continue
        lines = Counter((line.sku, line.quantity) for line in order.lines)
        if lines != sent.lines:
            problems.append(f"{order.reference} has other lines than were sent")
        if order.customer_id != sent.customer_id:
            problems.append(f"{order.reference} belongs to {order.customer_id}")
    return Check(
        "every acceptable invoice is exactly one order",
        f"{len(records.orders)} orders",
        tuple(problems),
    )


def orders_decided(ledger: Ledger, records: Records) -> Check:
    """Every order is paid, or refused with a reason."""
    states = Counter(order.state for order in records.orders)
    problems = [
        f"{order.reference} is {order.state} because {order.refused_because!r}"
        for order in records.orders
        if (order.state, bool(order.refused_because))
        not in {("paid", False), ("refused", True)}
    ]
    return Check(
        "every order is paid, or refused with a reason",
        f"{states['paid']} paid, {states['refused']} refused",
        tuple(problems),
    )


def totals_add_up(ledger: Ledger, records: Records) -> Check:
    """An order's total is what its lines cost."""
    problems = [
        f"{order.reference}: total {order.total_pence}, lines cost {cost}"
        for order in records.orders
        if order.total_pence
        != (cost := sum(it.quantity * it.price_pence for it in order.lines))
    ]
    total = sum(order.total_pence for order in records.orders)
    return Check("totals are the sums of their lines", pounds(total), tuple(problems))


def prices_were_quoted(ledger: Ledger, records: Records) -> Check:
    """Every line's price is one the product had while its order was placed."""
    problems = []
    for order in records.orders:
        sent = ledger.orders.get(order.reference)
        placed = ALWAYS if sent is None else sent.placed
        problems += [
            f"{order.reference}: {line.sku} did not cost {line.price_pence} pence then"
            for line in order.lines
            if line.price_pence not in ledger.prices_during(line.sku, placed)
        ]
    figure = f"{sum(len(it) for it in ledger.prices.values())} prices"
    return Check("every price was the product's", figure, tuple(problems))


def money_fits(ledger: Ledger, records: Records) -> Check:
    """Paid orders are charged once, their total to the penny; nobody else is."""
    problems = []
    orders = {order.id: order for order in records.orders}
    captured: Counter[str] = Counter()
    charges: Counter[str] = Counter()
    for charge in records.charges:
        order = orders.get(charge.order_id)
        charges[charge.order_id] += 1
        if order is None:
            problems.append(f"a charge of the unknown order {charge.order_id}")
        if charge.state == "captured":
            captured[charge.order_id] += charge.amount_pence
    for order in records.orders:
        owed = order.total_pence if order.state == "paid" else 0
        if captured[order.id] != owed:
            problems.append(f"{order.reference}: {owed} owed, {captured[order.id]} got")
        if charges[order.id] != 1:
            problems.append(f"{order.reference} has {charges[order.id]} charges")
    owed = sum(it.total_pence for it in records.orders if it.state == "paid")
    if captured.total() != owed:
        problems.append(f"{owed} pence owed in all, {captured.total()} taken")
    return Check(
        "money taken is what paid orders cost",
        pounds(captured.total()),
        tuple(problems),
    )


def cancellations_kept(ledger: Ledger, records: Records) -> Check:
    """Every cancellation is kept once; its refunds are the units it was promised."""
    problems = []
    kept = Counter(it.reference for it in records.cancellations)
    problems += [f"{ref} is kept {n} times" for ref, n in kept.items() if n != 1]
    problems += [f"{it} is not kept" for it in ledger.cancellations if it not in kept]
    skus = {
        (order.id, line.position): line.sku
        for order in records.orders
        for line in order.lines
    }
    promised: dict[str, Counter[str]] = {}
    for refund in records.refunds:
        sku = skus.get((refund.order_id, refund.position), "?")
        promised.setdefault(refund.cancellation_id, Counter())[sku] += refund.quantity
    for cancellation in records.cancellations:
        sent = ledger.cancellations.get(cancellation.reference)
        if sent is None:
            problems.append(f"{cancellation.reference} was never answered")
        elif promised.get(cancellation.id, Counter()) != sent.accepted:
            problems.append(f"{cancellation.reference} has other refunds than answered")
    return Check(
        "every cancellation has the refunds it was promised",
        f"{len(records.cancellations)} cancellations",
        tuple(problems),
    )


def refunds_fit(ledger: Ledger, records: Records) -> Check:
    """A refund belongs to a cancellation of the buyer and never passes its line."""
    problems = []
    cancellations = {it.id: it for it in records.cancellations}
    lines = {
        (order.id, line.position): (order, line)
        for order in records.orders
        for line in order.lines
    }
    given_back: Counter[tuple[str, int]] = Counter()
    for refund in records.refunds:
        place = refund.order_id, refund.position
        cancellation = cancellations.get(refund.cancellation_id)
        if cancellation is None or place not in lines:
            problems.append(f"refund {refund.id} belongs to no cancellation or line")
            continue
        order, line = lines[place]
        if order.customer_id is None or order.customer_id != cancellation.customer_id:
            problems.append(f"refund {refund.id} goes to another than the buyer")
        if refund.amount_pence != refund.quantity * line.price_pence:
            problems.append(f"refund {refund.id} is not its units at the price paid")
        if refund.state == "refused" and order.state != "refused":
            problems.append(f"refund {refund.id} of a paid order was refused")
        if refund.state != "refused":
            given_back[place] += refund.quantity
    for place, units in given_back.items():
        order, line = lines[place]
        if units > line.quantity:
            problems.append(f"{order.reference}: {units} of {line.quantity} given back")
    return Check(
        "no refund passes what was bought",
        f"{len(records.refunds)} refunds",
        tuple(problems),
    )


def refunds_paid_out(ledger: Ledger, records: Records) -> Check:
    """What payments paid out is what orders calls refunded, to the penny."""
    decided = {
        it.id: (it.order_id, it.amount_pence, it.state) for it in records.refunds
    }
    paid = {
        it.id: (it.order_id, it.amount_pence, it.state) for it in records.money_back
    }
    problems = [
        f"refund {refund}: orders {decided.get(refund)}, payments {paid.get(refund)}"
        for refund in sorted(decided.keys() | paid.keys())
        if decided.get(refund) != paid.get(refund)
    ]
    if len(paid) != len(records.money_back):
        problems.append("a refund was paid out twice")
    out: Counter[str] = Counter()
    for order_id, amount_pence, state in paid.values():
        out[order_id] += amount_pence if state == "refunded" else 0
    problems += [
        f"order {it.order_id}: {it.refunded_pence} given back, not {out[it.order_id]}"
        for it in records.charges
        if it.refunded_pence != out[it.order_id]
    ]
    return Check("refunds are paid out once", pounds(out.total()), tuple(problems))


def mails_sent_once(ledger: Ledger, records: Records) -> Check:
    """Every paid, refused and refunded buyer is told exactly once; nobody else is."""
    wanted = Counter(_mails(records.orders))
    wanted.update(
        (it.order_id, "refunded", it.id)
        for it in records.refunds
        if it.state == "refunded"
    )
    problems = [
        f"mail {mail}: {records.mails.get(mail, 0)} sent, {wanted[mail]} due"
        for mail in sorted(wanted.keys() | records.mails.keys())
        if records.mails.get(mail, 0) != wanted[mail]
    ]
    figure = f"{sum(records.mails.values())} mails"
    return Check("every buyer is told exactly once", figure, tuple(problems))


def nothing_on_its_way(ledger: Ledger, records: Records) -> Check:
    """Nothing is undecided, parked or dead; outboxes and broker are empty."""
    words = records.leftovers.words()
    figure = "outboxes, broker and parked events"
    return Check("nothing is on its way or stuck", figure, tuple(words))


def pounds(pence: int) -> str:
    """Return an amount as people write it, for example "£1,391.20".

    Args:
        pence: The amount, 0 or more.
    """
    return f"£{pence // 100:,}.{pence % 100:02}"


def _mails(orders: Iterable[Order]) -> Iterator[tuple[str, str, str]]:
    kinds = {"paid": "captured", "refused": "declined"}
    for order in orders:
        if order.state in kinds:
            yield order.id, kinds[order.state], ""
