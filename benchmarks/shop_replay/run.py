"""A whole run: place, kill, wait, audit."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from shop_replay.audit import Check, audit
from shop_replay.calling import Shop
from shop_replay.chaos import Chaos
from shop_replay.databases import Place, Places, shown
from shop_replay.faults import Faults
from shop_replay.figures import Figures
from shop_replay.ledger import Ledger
from shop_replay.own_servers import OwnServers, ServerChaos
from shop_replay.placing import Catalog, Till, place_all
from shop_replay.reading import Invoice
from shop_replay.records import count_orders, read_leftovers, read_records
from shop_replay.running import SHOP, FleetError, RunningFleet
from shop_replay.settling import LOOKS_AT_REST, LOOKS_AT_SERVERS, settled
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
        server_kills: How many kills of servers of the replay's own, with chaos.
        faults: Seed of the faults on every edge; None for calls that go through.
        call_seconds: Longest time for one call, repeats included, in seconds.
        settle_seconds: Longest wait for the fleet to come to rest, in seconds.
    """

    concurrency: int = 16
    rate: float | None = None
    chaos: int | None = None
    kills: int = 20
    server_kills: int = 4
    faults: int | None = None
    call_seconds: float = 120.0
    settle_seconds: float = 180.0


async def replay(
    fleet: RunningFleet,
    invoices: Sequence[Invoice],
    wishes: Wishes,
    *,
    servers: OwnServers | None = None,
    after: Callable[[], None] | None = None,
) -> Figures:
    """Replay invoices through a running fleet and audit what became of them.

    Args:
        fleet: Where the shop runs.
        invoices: What is replayed, the oldest first.
        wishes: How.
        servers: What the fleet runs on, if it is to be killed as well.
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
    chaos, server_chaos = _chaos(fleet, servers, wishes, len(invoices))
    if chaos is not None:
        await chaos.open()
    faults = None
    if wishes.faults is not None:
        faults = Faults(fleet, seed=wishes.faults)
        await faults.open()
    started = time.monotonic()
    try:
        killers = [it.before for it in (chaos, server_chaos) if it is not None]
        await _place(fleet, invoices, wishes, ledger, killers, after=after)
        placed = time.monotonic()
    finally:
        if server_chaos is not None:
            await server_chaos.close()
        if chaos is not None:
            await chaos.close()
        if faults is not None:
            await faults.close()
    broker = fleet.broker
    left = await settled(
        lambda: read_leftovers(databases, broker),
        bound_seconds=wishes.settle_seconds,
        looks=LOOKS_AT_REST if isinstance(broker, Path) else LOOKS_AT_SERVERS,
    )
    rested = time.monotonic()
    records = await asyncio.to_thread(read_records, databases, broker)
    checks = [_at_rest(left, wishes), *audit(ledger, records), *stocktaking(records)]
    kills: Counter[str] = Counter()
    if chaos is not None:
        checks.append(_killed(chaos.kills, wishes))
        kills += chaos.kills
    if server_chaos is not None:
        checks.append(_servers_killed(server_chaos.kills, wishes))
        kills += server_chaos.kills
    if faults is not None:
        checks.append(_struck(faults.struck))
    return Figures(
        ledger=ledger,
        records=records,
        checks=tuple(checks),
        kills=kills,
        faults=Counter() if faults is None else faults.struck,
        seconds=placed - started,
        settle_seconds=rested - placed,
    )


def _chaos(
    fleet: RunningFleet, servers: OwnServers | None, wishes: Wishes, invoices: int
) -> tuple[Chaos | None, ServerChaos | None]:
    """Return who kills services and who kills servers, where that is wished for."""
    seed = wishes.chaos
    if seed is None or not invoices:
        return None, None
    of_services = Chaos(fleet, SHOP, seed=seed, kills=wishes.kills, invoices=invoices)
    if servers is None or not servers.kinds or not wishes.server_kills:
        return of_services, None
    kills = wishes.server_kills
    return of_services, ServerChaos(servers, seed=seed, kills=kills, invoices=invoices)


async def _place(
    fleet: RunningFleet,
    invoices: Sequence[Invoice],
    wishes: Wishes,
    ledger: Ledger,
    killers: Sequence[Callable[[int], Awaitable[None]]],
    *,
    after: Callable[[], None] | None,
) -> None:
    async def before(index: int) -> None:
        for kill in killers:
            await kill(index)

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
            before=before if killers else None,
            after=after,
        )
        ledger.repeats = shop.repeats


def _require_unused(databases: Places) -> None:
    """Refuse a shop with orders: what they were is unknown to this run's ledger."""
    if known := count_orders(databases):
        raise FleetError(
            f"this shop has taken {known} orders and cancellations already",
            where=_shown(databases.get("orders")),
            hint="stop it with `fleet down` and replay with `--up --fresh`",
        )


def _shown(place: Place | None) -> str:
    return shown(place) if isinstance(place, str) else str(place)


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


def _servers_killed(kills: Counter[str], wishes: Wishes) -> Check:
    problems = []
    if kills.total() < wishes.server_kills:
        problems.append(f"only {kills.total()} of {wishes.server_kills}")
    figure = ", ".join(f"{kind} {n}" for kind, n in sorted(kills.items()))
    return Check("servers were killed and started", figure, tuple(problems))


def _struck(struck: Counter[str]) -> Check:
    missing = [f"no {what} was injected" for what, n in struck.items() if not n]
    problems = missing or ([] if struck else ["no faults were switched on"])
    return Check("faults were injected", f"{struck.total()} times", tuple(problems))
