"""A fleet under a fixed load, apart: what each of its processes uses meanwhile."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.capacity._heard import Heard, Work
from fleetwright_cli.capacity._reading import (
    BrokerFile,
    Carried,
    Used,
    can_read,
    sockets_of,
    used_by,
)
from fleetwright_cli.capacity._windows import Use, Window, typical
from fleetwright_cli.drills import bootable
from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.fleet._rehearse import Rehearse
from fleetwright_cli.local._plan import Places, Plan
from fleetwright_cli.local._process import Listener
from fleetwright_cli.local._supervisor import Supervisor
from fleetwright_cli.rehearse._asking import Asking, apart, asks_for, running
from fleetwright_cli.rehearse._load import Load, Pace

WARM_SECONDS = 3.0
_LOOK_SECONDS = 0.5  # between two looks at how many connections are open
_QUIET_SECONDS = 1.0  # without an event: none is on its way
_SETTLE_SECONDS = 30.0  # longest wait for that
_BROKER = "broker.db"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is measured.

    Attributes:
        asked: The services that are asked, each for an equal part; all others run, too.
        rates: Requests a second, of all of them together.
        seconds: How long each.
        rounds: How often all rates are gone through; the medians count.
    """

    asked: Sequence[Service]
    rates: Sequence[float]
    seconds: float
    rounds: int = 1


def askable(fleet: Fleet, names: Sequence[str]) -> list[Service]:
    """Return the services that are asked when some are to be measured.

    Args:
        fleet: The fleet on disk.
        names: Of services; all that can be asked when empty. Who is asked `through`
            another has that one asked.

    Raises:
        FleetError: There is no such service, or nobody knows what to ask it for.
    """
    said = fleet.manifest.rehearse
    if names:
        found = {
            said.get(one.name, Rehearse()).through or one.name: None
            for one in fleet.chosen(list(names))
        }
        return fleet.chosen(list(found))
    runs = {one.name for one in bootable(fleet)}
    return [
        one
        for one in fleet.services.values()
        if one.name in runs and _can_be_asked(fleet, one)
    ]


def _can_be_asked(fleet: Fleet, service: Service) -> bool:
    said = fleet.manifest.rehearse.get(service.name, Rehearse())
    if said.through:
        return False
    try:
        asks_for(fleet, service, said)
    except FleetError:
        return False
    return True


def measure(
    fleet: Fleet,
    wish: Wish,
    pythons: Mapping[str, Path],
    *,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Window]:
    """Return what each service uses at some rates of requests, and at none.

    Args:
        fleet: The fleet on disk.
        wish: What is measured.
        pythons: The interpreter of each service.
        tell: Gets a line when work begins.

    Returns:
        A window for no load, then one for each rate.

    Raises:
        FleetError: The fleet cannot be set up, or nobody knows what to ask for.
    """
    can_read()
    with tempfile.TemporaryDirectory(prefix="fleet-plan-") as state:
        root = Path(state).resolve()
        plan = apart(fleet, bootable(fleet), pythons, root)
        askings = [_asking(fleet, plan, one) for one in wish.asked]
        broker = BrokerFile(Places(root).data / _BROKER)
        return asyncio.run(_Measuring(plan, askings, wish, broker, tell).run())


def _asking(fleet: Fleet, plan: Plan, asked: Service) -> Asking:
    said = fleet.manifest.rehearse.get(asked.name, Rehearse())
    return Asking(fleet, plan, asked, asks_for(fleet, asked, said), said.roles)


@dataclass(slots=True)
class _Measuring:
    """One run of a fleet, measured.

    Attributes:
        plan: What runs.
        askings: Who ask, all at the same time.
        wish: What is measured.
        broker: What events go through.
        tell: Gets a line when work begins.
    """

    plan: Plan
    askings: Sequence[Asking]
    wish: Wish
    broker: BrokerFile
    tell: Callable[[str], None]
    _heard: Heard = field(default_factory=Heard)

    async def run(self) -> list[Window]:
        """Run the fleet; return a window for no load and one for each rate."""
        listener = Listener(line=self._heard.line)
        rates = (0.0, *self.wish.rates)
        found: dict[float, list[Window]] = {rate: [] for rate in rates}
        async with running(
            self.plan.launches, self.plan.stop_seconds, self.tell, listener
        ) as supervisor:
            # What a process does once (imports, keys, connections) costs no request.
            async with self._load(self.wish.rates[-1]):
                await asyncio.sleep(WARM_SECONDS)
            for number in range(self.wish.rounds):
                for rate in rates:
                    self.tell(self._said(number, rate))
                    found[rate].append(await self._under(supervisor, rate))
        return [typical(found[rate]) for rate in rates]

    def _said(self, number: int, rate: float) -> str:
        load = f"{rate:g} requests a second" if rate else "no load"
        of = f", round {number + 1} of {self.wish.rounds}"
        return f"{load} for {self.wish.seconds:g} s{of * (self.wish.rounds > 1)}"

    async def _under(self, supervisor: Supervisor, rate: float) -> Window:
        """Return what is used at a rate of requests."""
        await self._settled()
        if rate == 0:
            return await self._window(supervisor, [])
        async with self._load(rate) as loads:
            await asyncio.sleep(WARM_SECONDS)
            return await self._window(supervisor, loads)

    async def _settled(self) -> None:
        """Wait until no more events are heard of what was asked for last."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _SETTLE_SECONDS
        while loop.time() < until:
            heard = self._heard.events
            await asyncio.sleep(_QUIET_SECONDS)
            if heard == self._heard.events:
                return

    @asynccontextmanager
    async def _load(self, rate: float) -> AsyncIterator[list[Load]]:
        """Send requests inside the block, each service an equal part of them."""
        pace = Pace(rate / len(self.askings), repeats=False)
        async with AsyncExitStack() as stack:
            yield [
                (await stack.enter_async_context(one.at(pace)))[0]
                for one in self.askings
            ]

    async def _window(self, supervisor: Supervisor, loads: Sequence[Load]) -> Window:
        """Return what is used from now on, for a while."""
        pids = {
            status.service: status.pid
            for status in supervisor.statuses
            if status.pid is not None
        }
        loop = asyncio.get_running_loop()
        last = self.broker.last()
        tallies = [one.turn() for one in loads]
        self._heard.forget()
        began = loop.time()
        before = {name: _used(name, pid) for name, pid in pids.items()}
        most = dict.fromkeys(pids, 0)
        while (left := began + self.wish.seconds - loop.time()) > 0:
            await asyncio.sleep(min(left, _LOOK_SECONDS))
            for name, pid in pids.items():
                most[name] = max(most[name], _sockets(name, pid))
        after = {name: _used(name, pid) for name, pid in pids.items()}
        took = loop.time() - began
        uses = {
            name: _use(
                before[name],
                after[name],
                self._heard.work.get(name, Work()),
                sockets=most[name],
                took=took,
            )
            for name in pids
        }
        return Window(
            rate=sum(one.sent for one in tallies) / took,
            lost=sum(one.lost.total() for one in tallies),
            uses=uses,
            carried={
                topic: Carried(one.events / took, one.bytes / took)
                for topic, one in self.broker.since(last).items()
            },
        )


def _use(before: Used, after: Used, work: Work, *, sockets: int, took: float) -> Use:
    """Return what a service used between two looks at it."""
    return Use(
        cpu=(after.cpu - before.cpu) / took,
        memory=after.memory,
        sockets=sockets,
        written=(after.written - before.written) / took,
        callers={who: count / took for who, count in work.callers.items()},
        effects=work.effects / took,
        call_seconds=work.call_seconds / max(1, work.callers.total()),
        topics={topic: count / took for topic, count in work.topics.items()},
        event_seconds=work.event_seconds / max(1, work.topics.total()),
    )


def _used(name: str, pid: int) -> Used:
    try:
        return used_by(pid)
    except OSError:
        raise _gone(name) from None


def _sockets(name: str, pid: int) -> int:
    try:
        return sockets_of(pid)
    except OSError:
        raise _gone(name) from None


def _gone(name: str) -> FleetError:
    return FleetError(
        f"{name} ended while it was measured",
        hint=f"see what it says: `fleet up {name}`",
    )
