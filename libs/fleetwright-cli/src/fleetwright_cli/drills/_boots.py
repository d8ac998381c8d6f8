"""Services started as `fleet up` starts them, and each neighbour stopped in turn.

Looked at: they become ready with their defaults, each line they write is JSON, they
show their API, they live and answer while a neighbour is away, SIGTERM ends them well.
"""

import asyncio
import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleetwright_cli.drills._stage import bootable, staged, token
from fleetwright_cli.fleet import Fleet
from fleetwright_cli.local._backoff import Timings
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._plan import Plan
from fleetwright_cli.local._probe import probe
from fleetwright_cli.local._process import Listener, Process
from fleetwright_cli.local._status import State
from fleetwright_cli.local._supervisor import Supervisor
from fleetwright_cli.standard import Breach, Repository
from fleetwright_cli.standard import _kinds as kinds
from fleetwright_cli.standard._repository import Unit

BOOT_RULES = frozenset(("RES-01", "RES-04", "CFG-01", "LOG-01", "SVC-04"))
PROBE_SECONDS = 5.0
# A service gives up after 5 s by default and says so; the rest is for slow machines.
ANSWER_SECONDS = 15.0
_UP = frozenset((State.READY, State.DEGRADED))
_FAILING = range(500, 600)
_SAYS_SO = (503, 504)
Found = tuple[str, Breach]


def boot_breaches(
    repository: Repository,
    fleet: Fleet,
    pythons: Mapping[str, Path],
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[Found]:
    """Yield what goes wrong when the services of a fleet are started and disturbed.

    Args:
        repository: The fleet as the rules see it.
        fleet: The fleet on disk.
        pythons: The interpreter of each service; one without is not started.
        tell: Gets a line when work begins.

    Raises:
        FleetError: The fleet cannot be set up.
    """
    services = [one for one in bootable(fleet) if one.name in pythons]
    if not services:
        return
    tell(f"starting {', '.join(one.name for one in services)}")
    with tempfile.TemporaryDirectory(prefix="fleet-drill-") as state:
        plan = staged(fleet, services, pythons, Path(state).resolve())
        yield from asyncio.run(_Drill(repository, plan, tell).run())


@dataclass(slots=True)
class _Drill:
    """One run of a fleet, watched.

    Attributes:
        repository: The fleet as the rules see it.
        plan: What runs.
        tell: Gets a line when work begins.
    """

    repository: Repository
    plan: Plan
    tell: Callable[[str], None]
    _odd_lines: dict[str, str] = field(default_factory=dict)

    async def run(self) -> list[Found]:
        """Start all, disturb them, end all; return what went wrong."""
        supervisor = Supervisor(
            self.plan.launches,
            stop_seconds=self.plan.stop_seconds,
            reload=False,
            timings=Timings(failed_starts=1),
            listener=Listener(line=self._line),
        )
        running = asyncio.create_task(supervisor.run())
        try:
            await supervisor.settled_or_failed()
            found = list(self._unready(supervisor))
            if not found:
                found += await self._disturbed(supervisor)
        finally:
            supervisor.stop()
            summary = await running
        for status in summary.services:
            if status.restarts and status.state is not State.FAILED:
                what = f"it was started again: {status.restarted_because}"
                found.append(self._found("RES-01", status.service, what))
            if status.exit_code not in {0, None} and status.state is not State.FAILED:
                what = f"SIGTERM ends it with {status.exit_code}, not with 0"
                found.append(self._found("CFG-01", status.service, what))
        for name, line in self._odd_lines.items():
            what = f"it writes a line that is no JSON object: {line[:80]}"
            found.append(self._found("LOG-01", name, what))
        return list(dict.fromkeys(found))

    def _line(self, name: str, text: str) -> None:
        """Keep the first line of a process that is no JSON object."""
        try:
            is_object = isinstance(json.loads(text), dict)
        except ValueError:
            is_object = False
        if not is_object and text.strip():
            self._odd_lines.setdefault(name, text.strip())

    def _unready(self, supervisor: Supervisor) -> Iterator[Found]:
        """Yield the services that did not become ready."""
        for one in supervisor.statuses:
            if one.state not in _UP:
                reason = one.reason or "it says nothing"
                yield self._found("CFG-01", one.service, f"it is not ready: {reason}")

    async def _disturbed(self, supervisor: Supervisor) -> list[Found]:
        """Return what goes wrong while all run, and while one is away."""
        launches = {one.service: one for one in self.plan.launches}
        found: list[Found] = []
        for launch in launches.values():
            found += await self._unshown(launch)
        needed = {name for one in launches.values() for name in one.needs}
        for name in sorted(needed & self._named()):
            callers = [one for one in launches.values() if name in one.needs]
            self.tell(f"stopping {name}, which {_listed(callers)} needs")
            away = supervisor.named([name])
            for process in away:
                process.stop()
            await supervisor.settled(away)
            for caller in callers:
                found += await self._without(caller, name)
            found += await self._back(supervisor, away, name)
        return found

    async def _unshown(self, launch: Launch) -> list[Found]:
        """Return that a service of an API does not show it."""
        promised = [
            kind
            for unit in self._units(launch.service)
            for kind, _ in kinds.promises(self.repository, unit)
        ]
        if "openapi" not in promised:
            return []
        status = await asyncio.to_thread(_status, f"{launch.url}/openapi.json", "")
        if status == 200:
            return []
        what = f"GET /openapi.json answers {status or 'nothing'}"
        return [self._found("SVC-04", launch.service, what)]

    async def _without(self, launch: Launch, away: str) -> list[Found]:
        """Return what a service does wrong while a neighbour is away."""
        found = []
        live = await probe(launch.port, "/livez", timeout_seconds=PROBE_SECONDS)
        if not live.good:
            what = f"without {away} it does not live: {live.detail}"
            found.append(self._found("RES-01", launch.service, what))
        ready = await probe(launch.port, "/readyz", timeout_seconds=PROBE_SECONDS)
        if ready.status is None:
            what = f"without {away} it does not say how it is: {ready.detail}"
            found.append(self._found("RES-01", launch.service, what))
        bearer = await self._bearer(launch)
        for route in self._pages(launch.service):
            status = await asyncio.to_thread(_status, launch.url + route, bearer)
            found += self._judged(launch.service, away, route, status)
        return found

    def _judged(self, service: str, away: str, route: str, status: int) -> list[Found]:
        """Return what an answer says of a service without a neighbour."""
        what = f"without {away}, GET {route} answers {status or 'nothing in time'}"
        critical = self.repository.manifest.critical.get(service, ())
        if not status or (status in _FAILING and status not in _SAYS_SO):
            return [self._found("RES-01", service, what)]
        if status in _SAYS_SO and away not in critical:
            return [self._found("RES-04", service, f"{what}: it is not critical")]
        return []

    async def _back(
        self, supervisor: Supervisor, away: list[Process], name: str
    ) -> list[Found]:
        """Start a neighbour again; return that it does not come back."""
        for process in away:
            process.start()
        await supervisor.settled(away)
        return [
            self._found("RES-01", name, f"it does not come back: {one.status.reason}")
            for one in away
            if one.status.state not in _UP
        ]

    async def _bearer(self, launch: Launch) -> str:
        """Return a token for a service; none where there is no issuer."""
        identity = self.plan.identity
        if identity is None:
            return ""
        scopes = {
            scope
            for unit in self._units(launch.service)
            for path in unit.sources
            for function in self.repository.python(path).functions
            for one in function.decorators
            if (scope := one.keywords.get("scope"))
        }
        try:
            return await asyncio.to_thread(token, identity, launch.service, scopes)
        except OSError:
            return ""

    def _pages(self, service: str) -> list[str]:
        """Return the routes of a service that can be asked without knowing more."""
        return sorted(
            {
                route
                for unit in self._units(service)
                for method, route, _, _ in kinds.operations(self.repository, unit)
                if method == "get" and "{" not in route and "<" not in route
            }
        )

    def _units(self, service: str) -> list[Unit]:
        """Return a service as the rules see it; none for the issuer."""
        return [one for one in self.repository.services if one.name == service]

    def _named(self) -> set[str]:
        """Return the services that run, without the issuer."""
        return {one.service for one in self.plan.launches} & {
            one.name for one in self.repository.services
        }

    def _found(self, rule: str, service: str, what: str) -> Found:
        """Return a finding about a service."""
        folders = {one.name: one.folder for one in self.repository.services}
        return rule, Breach(folders.get(service, "fleet.toml"), 1, what)


def _status(url: str, bearer: str) -> int:
    """Return the status of an answer; 0 where there was none in time."""
    request = urllib.request.Request(url)  # noqa: S310 - an address of ours
    if bearer:
        request.add_header("Authorization", f"Bearer {bearer}")
    try:
        with urllib.request.urlopen(  # noqa: S310 - an address of ours
            request, timeout=ANSWER_SECONDS
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _listed(launches: list[Launch]) -> str:
    """Return the names of services as words."""
    return " and ".join(sorted(one.service for one in launches))
