"""A fleet that runs apart, and a service of it under load."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from dataclasses import dataclass, replace
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.contracts import frozen
from fleetwright_cli.drills._stage import staged
from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.fleet._rehearse import Rehearse
from fleetwright_cli.local._backoff import Timings
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._plan import Plan, needed
from fleetwright_cli.local._process import Listener
from fleetwright_cli.local._status import State
from fleetwright_cli.local._supervisor import Supervisor
from fleetwright_cli.rehearse._asks import Ask, Asks, asks_of
from fleetwright_cli.rehearse._caller import Lost
from fleetwright_cli.rehearse._load import Load, Pace
from fleetwright_cli.rehearse._rpc_caller import RpcCaller, calling
from fleetwright_cli.rehearse._tokens import Tokens
from fleetwright_cli.standard import _kinds as kinds
from fleetwright_cli.standard import open_repository


def involved(fleet: Fleet, service: str) -> list[Service]:
    """Return what runs while a service is rehearsed: it, and whom requests reach.

    Args:
        fleet: The fleet on disk.
        service: Which one.

    Raises:
        FleetError: [rehearse] names no service.
    """
    tables = fleet.manifest.rehearse
    asked = tables.get(service, Rehearse()).through or service
    said = tables.get(asked, Rehearse())
    others = {one.service for one in (*said.before, *said.requests)} - {""}
    return needed(fleet, [service, asked, *sorted(others)])


def asks_for(fleet: Fleet, asked: Service, said: Rehearse) -> Asks:
    """Return what a service is asked for.

    Args:
        fleet: The fleet on disk.
        asked: Which service.
        said: What fleet.toml says of it.

    Returns:
        At least one request.

    Raises:
        FleetError: There is nothing to ask it for.
    """
    repository = open_repository(fleet.root)
    pages = {
        route
        for unit in repository.services
        if unit.name == asked.name
        for method, route, _, _ in kinds.operations(repository, unit)
        if method == "get" and "{" not in route and "<" not in route
    }
    contracts = {
        name: one.get("openapi")
        for name, one in frozen(fleet.services.values()).items()
    }
    asks = asks_of(
        contracts[asked.name],
        before=said.before,
        requests=said.requests,
        pages=sorted(pages),
        others=contracts,
    )
    if not asks.over_and_over:
        raise FleetError(
            f"nobody knows what to ask {asked.name} for",
            where=f"[rehearse.{asked.name}] in {fleet.root / 'fleet.toml'}",
            hint='name requests there, or `through = "another service"`',
        )
    return asks


def apart(
    fleet: Fleet,
    services: Sequence[Service],
    pythons: Mapping[str, Path],
    state: Path,
) -> Plan:
    """Return the processes of services, apart, with what [rehearse] tells them.

    Args:
        fleet: The fleet on disk.
        services: Those to run.
        pythons: The interpreter of each service.
        state: An empty folder.

    Raises:
        FleetError: A service has no interpreter, or state cannot be written.
    """
    plan = staged(fleet, list(services), pythons, state)
    said = fleet.manifest.rehearse
    launches = tuple(
        (
            replace(
                one, environment={**one.environment, **said[one.service].environment}
            )
            if one.service in said
            else one
        )
        for one in plan.launches
    )
    return replace(plan, launches=launches)


@asynccontextmanager
async def running(
    launches: Sequence[Launch],
    stop_seconds: float,
    tell: Callable[[str], None],
    listener: Listener | None = None,
) -> AsyncIterator[Supervisor]:
    """Run processes inside the block; all have stopped after it.

    Args:
        launches: Which.
        stop_seconds: Grace between SIGTERM and SIGKILL.
        tell: Gets a line when work begins.
        listener: Who is told what happens.

    Yields:
        Who runs them.

    Raises:
        FleetError: One does not start.
    """
    supervisor = Supervisor(
        tuple(launches),
        stop_seconds=stop_seconds,
        reload=False,
        timings=Timings(failed_starts=1),
        listener=listener,
    )
    names = ", ".join(one.name for one in launches)
    tell(f"starting {names or 'nothing else'}")
    task = asyncio.create_task(supervisor.run())
    try:
        await supervisor.settled_or_failed()
        for status in supervisor.statuses:
            if status.state is State.FAILED:
                raise FleetError(
                    f"{status.name} does not start: {status.reason}",
                    where=f"what was to run: {names}",
                    hint=f"see what it says: `fleet up {status.name}`",
                )
        yield supervisor
    finally:
        supervisor.stop()
        await task


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody who asks a service of a fleet that runs.

    Attributes:
        fleet: The fleet on disk.
        plan: What runs.
        asked: Who is asked.
        asks: For what.
        roles: What the person who asks is.
    """

    fleet: Fleet
    plan: Plan
    asked: Service
    asks: Asks
    roles: Sequence[str]

    @asynccontextmanager
    async def at(self, pace: Pace) -> AsyncIterator[tuple[Load, asyncio.Task[None]]]:
        """Send requests inside the block, after those that come first.

        Args:
            pace: How fast.

        Yields:
            The load, and the task that sends it.

        Raises:
            FleetError: What comes first was refused.
        """
        ports = {one.service: one.port for one in self.plan.launches}
        ports[""] = ports[self.asked.name]
        targets = {"", *self.asks.others}
        names = {target: target or self.asked.name for target in targets}
        async with AsyncExitStack() as stack:
            rpc = {
                called: await stack.enter_async_context(self._calling(names[called]))
                for called in {one.service for one in self.asks.all if one.is_rpc}
            }
            asks = await _known(self.asks, rpc)
            tokens = Tokens(
                self.fleet, self.plan.identity, names, self.roles, _scopes(rpc)
            )
            await stack.enter_async_context(tokens.kept_fresh())
            load = Load(asks.endless(), ports, rpc, pace, tokens.of)
            for ask in asks.before:
                await _prepared(load, ask)
            loading = asyncio.create_task(load.run())
            try:
                yield load, loading
                load.end()
                await loading
            finally:
                loading.cancel()
                await asyncio.wait((loading,))

    def _calling(self, name: str) -> AbstractAsyncContextManager[RpcCaller]:
        """Return who asks a service over gRPC."""
        like = next(one for one in self.plan.launches if one.service == name)
        return calling(self.fleet.services[name], like)


def _scopes(rpc: Mapping[str, RpcCaller]) -> dict[str, set[str]]:
    """Return what tokens must be good for, by what services are called."""
    return {
        called: {one.scope for one in caller.methods.values() if one.scope}
        for called, caller in rpc.items()
    }


async def _known(asks: Asks, rpc: Mapping[str, RpcCaller]) -> Asks:
    """Return requests with what services say of their methods.

    Raises:
        FleetError: There is no such method, or a body is none of its.
    """
    for ask in asks.all:
        if ask.is_rpc:
            await rpc[ask.service].check(ask.path, ask.message("0"))

    def known(ask: Ask) -> Ask:
        if not ask.is_rpc:
            return ask
        method = rpc[ask.service].methods[ask.path]
        return replace(ask, is_keyed=method.is_repeatable and method.changes)

    return asks.each(known)


async def _prepared(load: Load, ask: Ask) -> None:
    """Send what comes first.

    Raises:
        FleetError: It was refused, or there was no answer.
    """
    try:
        answer = await load.once(ask)
        said, is_good = answer.told(), answer.status < 400
    except Lost as lost:
        said, is_good = str(lost), False
    if not is_good:
        raise FleetError(
            f"{ask.method} {ask.service}{ask.path} did not succeed",
            where=said,
            hint="mend what [rehearse] of fleet.toml says is sent first",
        )
