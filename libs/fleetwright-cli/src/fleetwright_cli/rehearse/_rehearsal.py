"""A rolling restart under load, with what it calls, apart from the fleet that runs."""

import asyncio
import itertools
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.drills._stage import kept_with
from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.fleet._rehearse import Rehearse
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._plan import Plan
from fleetwright_cli.local._process import Listener
from fleetwright_cli.rehearse._asking import Asking, apart, asks_for, involved, running
from fleetwright_cli.rehearse._asks import Asks
from fleetwright_cli.rehearse._balancer import Balancer
from fleetwright_cli.rehearse._clashes import Clash, clashes
from fleetwright_cli.rehearse._events import Events, Heard
from fleetwright_cli.rehearse._load import Pace, Tally
from fleetwright_cli.rehearse._rolling import Manners, Rollout
from fleetwright_cli.rehearse._versions import old_version, tree_version

# Of the ports that the stage keeps free instances get those that no service has.
_FIRST_INSTANCE = 40
EVENT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be rehearsed.

    Attributes:
        service: Which service.
        revision: What its old version is of.
        requests: Fewest requests.
        turns: Fewest turns: in each, all instances are replaced.
        instances: How many run.
        pace: How load is driven.
        manners: How an instance is stopped.
    """

    service: Service
    revision: str
    requests: int
    turns: int
    instances: int
    pace: Pace
    manners: Manners


@dataclass(frozen=True, slots=True)
class Turn:
    """One replacement of all instances.

    Attributes:
        version: What took their place.
        tally: What became of the requests meanwhile.
    """

    version: str
    tally: Tally


@dataclass(slots=True)
class Report:
    """How a rehearsal went.

    Attributes:
        service: What was rolled.
        asked: Who was asked: it, or one that calls it.
        old: Its old version.
        turns: In order.
        clashes: What does not fit by the contracts.
        cuts: How many requests an instance had read and never answered; some of them
            were sent again and are not lost to a caller that may do that.
        restarts: How many instances were replaced.
        ends: Instances that did not end well, in words.
        events: Events that wait when all should be heard, in words.
        left_out: Operations nobody knows how to ask for.
        heard: What became of the events it hears.
    """

    service: str
    asked: str
    old: str
    turns: list[Turn] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)
    cuts: int = 0
    restarts: int = 0
    ends: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    left_out: Mapping[str, str] = field(default_factory=dict)
    heard: Heard = field(default_factory=Heard)

    @property
    def sent(self) -> int:
        """How many requests were sent."""
        return sum(one.tally.sent for one in self.turns)

    @property
    def lost(self) -> int:
        """How many were lost."""
        return sum(one.tally.lost.total() for one in self.turns)

    @property
    def doubled(self) -> int:
        """How many had two effects."""
        return sum(one.tally.doubled for one in self.turns)

    @property
    def refused(self) -> list[str]:
        """What was asked for and never once had: nothing is known of it."""
        good, said = Counter[str](), dict[str, str]()
        for turn in self.turns:
            good.update(turn.tally.good)
            said |= turn.tally.refusals
        return [f"{name}: {said[name]}" for name in sorted(said) if not good[name]]

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, cut, doubled, refused or left waiting."""
        found = (self.lost, self.cuts, self.doubled, self.heard.doubled)
        return not any((*found, self.clashes, self.ends, self.events, self.refused))


def rehearse(
    fleet: Fleet,
    wish: Wish,
    pythons: Mapping[str, Path],
    tell: Callable[[str], None] = lambda text: None,
) -> Report:
    """Return how a rolling restart of a service went.

    Args:
        fleet: The fleet on disk.
        wish: What is to be rehearsed.
        pythons: The interpreter of each service.
        tell: Gets a line when work begins.

    Raises:
        FleetError: The fleet cannot be set up, or a version does not start.
    """
    said = fleet.manifest.rehearse.get(wish.service.name, Rehearse())
    asked = fleet.chosen([said.through])[0] if said.through else wish.service
    if said.through:
        said = fleet.manifest.rehearse.get(asked.name, Rehearse())
    asks = asks_for(fleet, asked, said)
    with tempfile.TemporaryDirectory(prefix="fleet-rehearse-") as state:
        chosen = involved(fleet, wish.service.name)
        plan = apart(fleet, chosen, pythons, Path(state).resolve())
        rehearsal = _Rehearsal(fleet, plan, wish, asked, asks, said.roles, tell)
        return asyncio.run(rehearsal.run())


@dataclass(slots=True)
class _Rehearsal:
    """One rehearsal.

    Attributes:
        fleet: The fleet on disk.
        plan: What runs.
        wish: What is to be rehearsed.
        asked: Who is asked.
        asks: For what.
        roles: What the person who asks is.
        tell: Gets a line when work begins.
    """

    fleet: Fleet
    plan: Plan
    wish: Wish
    asked: Service
    asks: Asks
    roles: Sequence[str]
    tell: Callable[[str], None]

    async def run(self) -> Report:
        """Start all, roll the service under load, end all; return how it went."""
        service, revision = self.wish.service, self.wish.revision
        like = next(it for it in self.plan.launches if it.service == service.name)
        python = Path(like.argv[0])
        new = tree_version(service, python)
        old = old_version(self.fleet, service, revision, python, self.tell)
        report = Report(service.name, self.asked.name, old.name)
        report.left_out = self.asks.left_out
        events = Events(service, like)
        report.heard = events.heard
        report.clashes = clashes(self.fleet, service.name, revision)
        others = [one for one in self.plan.launches if one.service != service.name]
        asking = Asking(self.fleet, self.plan, self.asked, self.asks, self.roles)
        async with (
            running(others, self.plan.stop_seconds, self.tell),
            self._rollout(like, events.listener) as rollout,
        ):
            for number in range(self.wish.instances):
                await rollout.start(old, migrates=number == 0)
            async with asking.at(self.wish.pace) as (load, loading):
                for number in itertools.count(1):
                    version = (old, new)[number % 2]
                    self.tell(f"turn {number}: {service.name} becomes {version.name}")
                    report.turns.append(Turn(version.name, load.turn()))
                    await rollout.replace(version, migrates=version is new)
                    await events.again()
                    is_enough = report.sent >= self.wish.requests
                    if loading.done() or (is_enough and number >= self.wish.turns):
                        break
            report.events = await events.wrong(
                EVENT_SECONDS, must_hear=not self._is_called
            )
        report.restarts = len(rollout.ends)
        report.ends = rollout.unwell()
        report.cuts = rollout.cuts + sum(one.tally.cuts for one in report.turns)
        return report

    @property
    def _is_called(self) -> bool:
        """Whether requests reach the service; else events alone do."""
        name = self.wish.service.name
        asked = next(it for it in self.plan.launches if it.service == self.asked.name)
        return name == self.asked.name or name in asked.needs

    @asynccontextmanager
    async def _rollout(
        self, like: Launch, listener: Listener
    ) -> AsyncIterator[Rollout]:
        """Stand where the service is expected, with its instances behind."""
        pairs = kept_with(like.port)[_FIRST_INSTANCE:-1:2]
        http, grpc = Balancer(), Balancer()
        rollout = Rollout(
            like,
            http,
            grpc,
            itertools.cycle(pairs),
            manners=self.wish.manners,
            listener=listener,
        )
        try:
            await _stand_at(http, like.port)
            if like.grpc_port is not None:
                await _stand_at(grpc, like.grpc_port)
            yield rollout
        finally:
            await rollout.close()
            await http.close()
            await grpc.close()


async def _stand_at(balancer: Balancer, port: int) -> None:
    """Take connections at a port.

    Raises:
        FleetError: Somebody else listens there.
    """
    try:
        await balancer.listen(port)
    except OSError as error:
        raise FleetError(
            f"port {port} was taken meanwhile",
            where=str(error),
            hint="run it again: it looks for free ports anew",
        ) from None
