"""A whole run: place, kill, wait, audit."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from shop_replay.audit import Check, audit
from shop_replay.calling import Shop
from shop_replay.chaos import Chaos
from shop_replay.faults import Faults
from shop_replay.figures import Figures
from shop_replay.ledger import Ledger
from shop_replay.placing import Catalog, Till, place_all
from shop_replay.reading import Invoice
from shop_replay.records import count_orders, read_leftovers, read_records
from shop_replay.running import SHOP, FleetError, RunningFleet
from shop_replay.settling import settled
from shop_replay.stocktaking import stocktaking
from shop_replay.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a run shall be.

    Attributes:
        concurrency: Invoices placed at once, at least 1.
        rate: Most invoices a second; None for as fast as the shop takes them.
        chaos: Seed of the kills; None for a calm run.
        kills: How many kills, when there are any.
        faults: Seed of the faults on every edge; None for calls that go through.
        call_seconds: Longest time for one call, repeats included, in seconds.
        settle_seconds: Longest wait for the fleet to come to rest, in seconds.
    """

    concurrency: int = 16
    rate: float | None = None
    chaos: int | None = None
    kills: int = 20
    faults: int | None = None
    call_seconds: float = 120.0
    settle_seconds: float = 180.0


async def replay(
    fleet: RunningFleet,
    invoices: Sequence[Invoice],
    wishes: Wishes,
    *,
    after: Callable[[], None] | None = None,
) -> Figures:
    """Replay invoices through a running fleet and audit what became of them.

    Args:
        fleet: Where the shop runs.
        invoices: What is replayed, the oldest first.
        wishes: How.
        after: Called when an invoice is done.

    Returns:
        The run in figures.

    Raises:
        FleetError: No fleet runs, it has orders of before, or a killed service did not
            come back.
        RecordsError: A database cannot be read.
    """
    processes = await fleet.require_running()
    databases = {it.name: it.database for it in processes.values() if it.database}
    _require_unused(databases)
    ledger = Ledger(
        rows_read=sum(len(invoice.rows) for invoice in invoices),
        invoices=len(invoices),
    )
    chaos = None
    if wishes.chaos is not None and invoices:
        chaos = Chaos(
            fleet,
            SHOP,
            seed=wishes.chaos,
            kills=wishes.kills,
            invoices=len(invoices),
        )
        await chaos.open()
    faults = None
    if wishes.faults is not None:
        faults = Faults(fleet, seed=wishes.faults)
        await faults.open()
    started = time.monotonic()
    try:
        await _place(fleet, invoices, wishes, ledger, chaos, after=after)
        placed = time.monotonic()
    finally:
        if chaos is not None:
            await chaos.close()
        if faults is not None:
            await faults.close()
    broker = fleet.broker
    left = await settled(
        lambda: read_leftovers(databases, broker), bound_seconds=wishes.settle_seconds
    )
    rested = time.monotonic()
    records = await asyncio.to_thread(read_records, databases, broker)
    checks = [_at_rest(left, wishes), *audit(ledger, records), *stocktaking(records)]
    if chaos is not None:
        checks.append(_killed(chaos.kills, wishes))
    if faults is not None:
        checks.append(_struck(faults.struck))
    return Figures(
        ledger=ledger,
        records=records,
        checks=tuple(checks),
        kills=Counter() if chaos is None else chaos.kills,
        faults=Counter() if faults is None else faults.struck,
        seconds=placed - started,
        settle_seconds=rested - placed,
    )


async def _place(
    fleet: RunningFleet,
    invoices: Sequence[Invoice],
    wishes: Wishes,
    ledger: Ledger,
    chaos: Chaos | None,
    *,
    after: Callable[[], None] | None,
) -> None:
    connector = aiohttp.TCPConnector(limit=wishes.concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:
        shop = Shop(
            fleet.urls(),
            session,
            tokens=Tokens(fleet.issuer(), session),
            bound_seconds=wishes.call_seconds,
        )
        catalog = Catalog(shop, ledger)
        await catalog.learn(row.sku for it in invoices for row in it.rows)
        await place_all(
            invoices,
            Till(shop, catalog, ledger),
            concurrency=wishes.concurrency,
            rate=wishes.rate,
            before=None if chaos is None else chaos.before,
            after=after,
        )
        ledger.repeats = shop.repeats


def _require_unused(databases: dict[str, Path]) -> None:
    """Refuse a shop with orders: what they were is unknown to this run's ledger."""
    if known := count_orders(databases):
        raise FleetError(
            f"this shop has taken {known} orders and cancellations already",
            where=str(databases.get("orders")),
            hint="stop it with `fleet down` and replay with `--up --fresh`",
        )


def _at_rest(left: list[str], wishes: Wishes) -> Check:
    figure = f"within {wishes.settle_seconds:g} s"
    return Check("the fleet comes to rest", figure, tuple(left))


def _killed(kills: Counter[str], wishes: Wishes) -> Check:
    problems = [f"{name} was never killed" for name in SHOP if not kills[name]]
    if wishes.kills < len(SHOP):
        problems = []
    if kills.total() < wishes.kills:
        problems.append(f"only {kills.total()} of {wishes.kills}")
    return Check("services were killed", f"{kills.total()} kills", tuple(problems))


def _struck(struck: Counter[str]) -> Check:
    missing = [f"no {what} was injected" for what, n in struck.items() if not n]
    problems = missing or ([] if struck else ["no faults were switched on"])
    return Check("faults were injected", f"{struck.total()} times", tuple(problems))
