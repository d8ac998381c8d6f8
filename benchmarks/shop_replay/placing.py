"""One invoice after the other through the shop, as its tills would."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any
from urllib.parse import quote

from shop_replay.calling import Answer, Shop, UnansweredError
from shop_replay.ledger import ALWAYS, Ledger, SentCancellation, SentOrder, Span
from shop_replay.reading import Invoice, Row

QUOTES_AT_ONCE = 2000
MOST_DROPS = 3


class Catalog:
    """The catalog's prices as the tills know them; a product changes once at a time."""

    def __init__(self, shop: Shop, ledger: Ledger) -> None:
        """Know nothing yet.

        Args:
            shop: The shop that is called.
            ledger: Where prices are noted.
        """
        self._shop = shop
        self._ledger = ledger
        self._current: dict[str, int] = {}
        self._changing: dict[str, asyncio.Lock] = {}

    async def learn(self, skus: Iterable[str]) -> None:
        """Ask once what the catalog already sells.

        Args:
            skus: Every stock code of the run.
        """
        wanted = sorted(set(skus))
        for start in range(0, len(wanted), QUOTES_AT_ONCE):
            body = {"skus": wanted[start : start + QUOTES_AT_ONCE]}
            answer = await self._shop.call("POST", "catalog", "/v1/quotes", body)
            for known in (answer.body or {}).get("quotes", ()):
                self._now(known["sku"], known["price_pence"], ALWAYS)

    async def keep(self, row: Row) -> str | None:
        """Make the catalog sell a row's product at the row's price.

        Args:
            row: A row of an invoice.

        Returns:
            None, or the kind of the catalog's refusal.
        """
        async with self._changing.setdefault(row.sku, asyncio.Lock()):
            if self._current.get(row.sku) == row.price_pence:
                return None
            since = time.monotonic()
            answer = await self._shop.call(
                "PUT",
                "catalog",
                f"/v1/products/{quote(row.sku, safe='')}",
                {"name": row.name, "price_pence": row.price_pence},
            )
            if answer.refusal_kind is None:
                given = Span(since, time.monotonic())
                self._now(row.sku, row.price_pence, given)
            return answer.refusal_kind

    def _now(self, sku: str, price_pence: int, given: Span) -> None:
        self._current[sku] = price_pence
        self._ledger.had_price(sku, price_pence, given)


class Till:
    """Places one invoice and writes its fate into the ledger."""

    def __init__(self, shop: Shop, catalog: Catalog, ledger: Ledger) -> None:
        """Start with nothing placed.

        Args:
            shop: The shop that is called.
            catalog: What is known of its prices.
            ledger: Where every row's fate is noted.
        """
        self._shop = shop
        self._catalog = catalog
        self._ledger = ledger

    async def take(self, invoice: Invoice) -> None:
        """Place an invoice, or cancel what it gives back.

        A call that got no answer that counts is noted as a failure, not raised.

        Args:
            invoice: What to place.
        """
        try:
            if invoice.is_cancellation:
                await self._cancel(invoice)
            else:
                await self._order(invoice)
        except UnansweredError as error:
            self._ledger.failures.append(f"{invoice.number}: {error}")

    async def _order(self, invoice: Invoice) -> None:
        left = []
        for row in invoice.rows:
            kind = await self._catalog.keep(row)
            if kind is None:
                left.append(row)
            else:
                self._ledger.rows_refused[kind] += 1
        since = time.monotonic()
        for _ in range(MOST_DROPS):
            if not left:
                break
            answer = await self._post("orders", invoice, _order_lines(left))
            if answer.refusal_kind is None:
                self._ordered(invoice, left, Span(since, time.monotonic()))
                return
            left = self._dropped(left, answer)
        self._ledger.rows_refused.update("bad_lines" for _ in left)
        self._ledger.empty_invoices += 1

    def _ordered(self, invoice: Invoice, rows: Sequence[Row], placed: Span) -> None:
        self._ledger.rows_ordered += len(rows)
        self._ledger.orders[invoice.number] = SentOrder(
            invoice.number,
            invoice.customer_id,
            Counter((row.sku, row.quantity) for row in rows),
            placed,
        )

    def _dropped(self, rows: list[Row], answer: Answer) -> list[Row]:
        """Return the rows the shop did not object to, having counted the others."""
        kind = answer.refusal_kind
        bad = answer.body.get("lines", []) if kind == "bad_lines" else []
        kinds = {line["index"]: str(line["kind"]) for line in bad}
        if not kinds:
            self._ledger.rows_refused.update(str(kind) for _ in rows)
            return []
        self._ledger.rows_refused.update(kinds.values())
        return [row for index, row in enumerate(rows) if index not in kinds]

    async def _cancel(self, invoice: Invoice) -> None:
        answer = await self._post(
            "cancellations",
            invoice,
            [{"sku": row.sku, "quantity": -row.quantity} for row in invoice.rows],
        )
        reasons = self._ledger.rows_not_taken_back
        if answer.refusal_kind is not None:
            reasons.update(str(answer.refusal_kind) for _ in invoice.rows)
            return
        accepted: Counter[str] = Counter()
        for row, line in zip(invoice.rows, answer.body["lines"], strict=True):
            if line["accepted"]:
                accepted[row.sku] -= row.quantity
                self._ledger.rows_taken_back += 1
            else:
                reasons[str(line["reason"])] += 1
        self._ledger.cancellations[invoice.number] = SentCancellation(
            invoice.number, invoice.customer_id, accepted
        )

    async def _post(
        self, what: str, invoice: Invoice, lines: list[dict[str, Any]]
    ) -> Answer:
        body: dict[str, Any] = {
            "reference": invoice.number,
            "customer_id": invoice.customer_id,
            "lines": lines,
        }
        if what == "orders":
            body["country"] = invoice.country
        return await self._shop.call(
            "POST", "orders", f"/v1/{what}", body, key=invoice.number
        )


async def place_all(
    invoices: Sequence[Invoice],
    till: Till,
    *,
    concurrency: int,
    rate: float | None = None,
    before: Callable[[int], Awaitable[None]] | None = None,
    after: Callable[[], None] | None = None,
) -> None:
    """Place every invoice: those of one customer in time order, others side by side.

    Args:
        invoices: What to place, the oldest first.
        till: What places one of them.
        concurrency: How many at once, at least 1.
        rate: Most invoices a second; None for as fast as the shop takes them.
        before: Called with the invoice's place in the run, before it is started.
        after: Called when an invoice is done.
    """
    free = asyncio.Semaphore(concurrency)
    last_of: dict[str, asyncio.Task[None]] = {}
    loop = asyncio.get_running_loop()
    started = loop.time()

    async def one(invoice: Invoice, previous: asyncio.Task[None] | None) -> None:
        try:
            if previous is not None:
                await asyncio.wait([previous])
            await till.take(invoice)
        finally:
            free.release()
        if after is not None:
            after()

    async with asyncio.TaskGroup() as tasks:
        for index, invoice in enumerate(invoices):
            await free.acquire()
            if before is not None:
                await before(index)
            if rate is not None:
                await asyncio.sleep(started + index / rate - loop.time())
            customer = invoice.customer_id
            previous = None if customer is None else last_of.get(customer)
            task = tasks.create_task(one(invoice, previous))
            if customer is not None:
                last_of[customer] = task


def _order_lines(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [{"sku": row.sku, "quantity": row.quantity} for row in rows]
