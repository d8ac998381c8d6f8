"""A fleet under a fixed load, apart: what each of its processes uses meanwhile."""

import asyncio
import json
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.drills._stage import bootable
from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.fleet._rehearse import Rehearse
from fleetwright_cli.local._cost import cpu_of
from fleetwright_cli.local._process import Listener
from fleetwright_cli.local._supervisor import Supervisor
from fleetwright_cli.rehearse._asking import Asking, apart, asks_for, running
from fleetwright_cli.rehearse._load import Pace

WARM_SECONDS = 3.0
_PROBES = ("/livez", "/readyz")


@dataclass(frozen=True, slots=True)
class Use:
    """What one service used while load was on.

    Attributes:
        cpu: Seconds of CPU a second.
        memory: Bytes that were resident at the end.
        sockets: Connections that were open at the end.
        written: Bytes a second that it sent or wrote.
        calls: Calls a second that it answered.
        call_seconds: How long a call took, on average.
        events: Events a second that it heard.
        event_seconds: How long hearing one took, on average.
    """

    cpu: float
    memory: int
    sockets: int
    written: float
    calls: float
    call_seconds: float
    events: float
    event_seconds: float


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time with a fixed load.

    Attributes:
        rate: Requests a second that were sent.
        lost: How many of them failed.
        uses: By service.
    """

    rate: float
    lost: int
    uses: Mapping[str, Use]


@dataclass(slots=True)
class _Heard:
    """What the services logged: counts and seconds, by service."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: dict[tuple[str, str], float] = field(
        default_factory=lambda: defaultdict(float)
    )

    def line(self, name: str, text: str) -> None:
        """Count a line, when it tells of a call or an event."""
        if '"call.answered"' not in text and '"event.handled"' not in text:
            return
        try:
            said = json.loads(text)
        except ValueError:
            return
        if said.get("route") in _PROBES:
            return
        key = (name, str(said.get("event")))
        self.counts[key] += 1
        self.seconds[key] += float(said.get("duration_ms", 0.0)) / 1000


def measure(
    fleet: Fleet,
    asked: Service,
    pythons: Mapping[str, Path],
    *,
    rates: Sequence[float],
    seconds: float,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Window]:
    """Return what each service uses at some rates of requests, and at none.

    Args:
        fleet: The fleet on disk.
        asked: The service that is asked; all others run, too.
        pythons: The interpreter of each service.
        rates: Requests a second.
        seconds: How long each.
        tell: Gets a line when work begins.

    Returns:
        A window for no load, then one for each rate.

    Raises:
        FleetError: The fleet cannot be set up, or nobody knows what to ask for.
    """
    said = fleet.manifest.rehearse.get(asked.name, Rehearse())
    asks = asks_for(fleet, asked, said)
    with tempfile.TemporaryDirectory(prefix="fleet-plan-") as state:
        root = Path(state).resolve()
        plan = apart(fleet, bootable(fleet), pythons, root)
        asking = Asking(fleet, plan, asked, asks, said.roles)
        measuring = _Measuring(asking, seconds, tell)
        return asyncio.run(measuring.run(rates))


@dataclass(slots=True)
class _Measuring:
    """One run of a fleet, measured.

    Attributes:
        asking: Who asks.
        seconds: How long each rate.
        tell: Gets a line when work begins.
    """

    asking: Asking
    seconds: float
    tell: Callable[[str], None]
    _heard: _Heard = field(default_factory=_Heard)

    async def run(self, rates: Sequence[float]) -> list[Window]:
        """Run the fleet; return a window for no load and one for each rate."""
        plan = self.asking.plan
        listener = Listener(line=self._heard.line)
        async with running(
            plan.launches, plan.stop_seconds, self.tell, listener
        ) as supervisor:
            self.tell(f"no load for {self.seconds:g} s")
            found = [await self._window(supervisor, 0.0)]
            for rate in rates:
                self.tell(f"{rate:g} requests a second for {self.seconds:g} s")
                async with self.asking.at(Pace(rate)) as (load, _):
                    await asyncio.sleep(WARM_SECONDS)
                    tally = load.turn()
                    found.append(await self._window(supervisor, rate))
                    sent, lost = tally.sent, tally.lost.total()
                seen = sent / self.seconds
                found[-1] = Window(seen, lost, found[-1].uses)
        return found

    async def _window(self, supervisor: Supervisor, rate: float) -> Window:
        """Return what is used from now on, for a while."""
        pids = {
            status.service: status.pid
            for status in supervisor.statuses
            if status.pid is not None
        }
        self._heard.counts.clear()
        self._heard.seconds.clear()
        loop = asyncio.get_running_loop()
        began = loop.time()
        cpu = {name: cpu_of(pid) for name, pid in pids.items()}
        written = {name: _written(pid) for name, pid in pids.items()}
        await asyncio.sleep(self.seconds)
        took = loop.time() - began
        uses = {
            name: self._use(name, pid, cpu[name], written[name], took)
            for name, pid in pids.items()
        }
        return Window(rate, 0, uses)

    def _use(self, name: str, pid: int, cpu: float, written: int, took: float) -> Use:
        """Return what a process has used since the window began."""
        calls, call_seconds = self._average(name, "call.answered")
        events, event_seconds = self._average(name, "event.handled")
        try:
            return Use(
                cpu=(cpu_of(pid) - cpu) / took,
                memory=_resident(pid),
                sockets=_sockets(pid),
                written=(_written(pid) - written) / took,
                calls=calls / took,
                call_seconds=call_seconds,
                events=events / took,
                event_seconds=event_seconds,
            )
        except OSError as error:
            raise FleetError(
                f"{name} ended while it was measured: {error.strerror}",
                hint=f"see what it says: `fleet up {name}`",
            ) from None

    def _average(self, name: str, event: str) -> tuple[int, float]:
        count = self._heard.counts[name, event]
        return count, self._heard.seconds[name, event] / max(1, count)


def _resident(pid: int) -> int:
    pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _written(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text("ascii").splitlines()
    return next(int(one.split()[1]) for one in lines if one.startswith("wchar"))


def _sockets(pid: int) -> int:
    links = Path(f"/proc/{pid}/fd").iterdir()
    return sum(os.readlink(one).startswith("socket:") for one in links)
