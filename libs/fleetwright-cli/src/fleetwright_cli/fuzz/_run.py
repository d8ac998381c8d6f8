"""Services started apart from those that people run, and asked one after the other."""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import OUR_FAULT, FleetError
from fleetwright_cli.drills._stage import bootable, staged
from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.fuzz._environment import DRIVER
from fleetwright_cli.fuzz._outcome import Fault, Outcome
from fleetwright_cli.fuzz._subject import Subject
from fleetwright_cli.local._backoff import Timings
from fleetwright_cli.local._identity import NAME as ISSUER
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._plan import Plan, needed, wanted_ports
from fleetwright_cli.local._status import State
from fleetwright_cli.local._supervisor import Supervisor

_UP = frozenset((State.READY, State.DEGRADED))
_DOWN = frozenset((State.FAILED, State.BACKOFF))
_TOKEN_SECONDS = 3600  # the longest that the issuer knows
# Beyond the time that is given: starting, and the answers that are still awaited.
_GRACE_SECONDS = 300.0
_ODD = ("SCHEMATHESIS_", "PYTHON")


@dataclass(frozen=True, slots=True)
class How:
    """How services are asked.

    Attributes:
        python: The interpreter that has Schemathesis.
        seed: What the requests follow from.
        examples: How many requests are thought of for an operation in each phase.
        seconds: How long one service is asked at most.
        roles: What the person who asks is, beside what the contracts ask for.
        tell: Gets a line when work begins.
    """

    python: Path
    seed: int
    examples: int
    seconds: int
    roles: tuple[str, ...] = ()
    tell: Callable[[str], None] = lambda text: None


def fuzzed(
    fleet: Fleet, names: Sequence[str], pythons: Mapping[str, Path], how: How
) -> list[Outcome]:
    """Return what comes of asking services all that their contracts allow, and more.

    They run with what they need, on ports and databases of their own.

    Args:
        fleet: The fleet on disk.
        names: The services to ask.
        pythons: The interpreter of each service that can be started.
        how: How they are asked.

    Raises:
        FleetError: A service does not start, or Schemathesis fails.
    """
    started = [one for one in startable(fleet, names) if one.name in pythons]
    runs = {one.name for one in started}
    left = [
        Outcome(name, left_out="it is not on the runtime")
        for name in names
        if name not in runs
    ]
    asked = [name for name in names if name in runs]
    if not asked:
        return left
    with tempfile.TemporaryDirectory(prefix="fleet-fuzz-") as state:
        plan = _lasting(staged(fleet, started, pythons, Path(state).resolve()))
        found = asyncio.run(_Run(plan, how, wanted_ports(fleet)).asked(asked))
    return sorted([*left, *found], key=lambda one: one.service)


def startable(fleet: Fleet, names: Sequence[str]) -> list[Service]:
    """Return services and all they call, as far as `fleet up` could run them.

    Args:
        fleet: The fleet on disk.
        names: The services to ask.
    """
    known = {one.name for one in bootable(fleet)}
    return [one for one in needed(fleet, list(names)) if one.name in known]


def _lasting(plan: Plan) -> Plan:
    """Return a plan whose tokens are good to the end."""
    told = {"TOKEN_SECONDS": str(_TOKEN_SECONDS)}
    launches = tuple(
        (
            replace(one, environment={**one.environment, **told})
            if one.name == ISSUER
            else one
        )
        for one in plan.launches
    )
    return replace(plan, launches=launches)


@dataclass(slots=True)
class _Run:
    """One run of a fleet whose services are asked.

    Attributes:
        plan: What runs.
        how: How services are asked.
        ports: Where `fleet up` has them.
    """

    plan: Plan
    how: How
    ports: Mapping[str, int]

    async def asked(self, names: Sequence[str]) -> list[Outcome]:
        """Start all, ask some, end all.

        Args:
            names: Those to ask.
        """
        self.how.tell(f"starting {', '.join(one.name for one in self.plan.launches)}")
        async with self._running() as supervisor:
            launches = [one for one in self.plan.launches if one.name in names]
            found = [await self._one(launch) for launch in launches]
            ended = {
                one.service: one.restarted_because or one.reason or "it says nothing"
                for one in supervisor.statuses
                if one.restarts or one.state in _DOWN
            }
        return [_with_end(one, ended.get(one.service, "")) for one in found]

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[Supervisor]:
        """Have all run in the block, and be ready when it begins."""
        supervisor = Supervisor(
            self.plan.launches,
            stop_seconds=self.plan.stop_seconds,
            reload=False,
            timings=Timings(failed_starts=1),
        )
        running = asyncio.create_task(supervisor.run())
        try:
            await supervisor.settled_or_failed()
            for one in supervisor.statuses:
                if one.state not in _UP:
                    raise FleetError(
                        f"{one.service} does not become ready",
                        where=one.reason or "it says nothing",
                        hint=f"see why: `fleet up {one.service}`, `fleet logs`",
                    )
            yield supervisor
        finally:
            supervisor.stop()
            await running

    async def _one(self, launch: Launch) -> Outcome:
        """Return what comes of asking one service."""
        subject = await asyncio.to_thread(Subject.at, launch, self.how.roles)
        if isinstance(subject, str):
            return Outcome(launch.service, left_out=subject)
        self.how.tell(f"asking {launch.service}")
        token = await subject.token(self.plan.identity)
        asked = {
            "url": subject.url,
            "document": subject.document,
            "token": token,
            "seed": self.how.seed,
            "examples": self.how.examples,
            "seconds": self.how.seconds,
        }
        found = await self._driven(launch.service, asked)
        url = f"http://127.0.0.1:{self.ports[launch.name]}"
        return Outcome(
            launch.service,
            requests=found["requests"],
            checks=tuple(found["checks"]),
            stopped=found["stopped"] != "completed",
            faults=tuple(
                Fault.of(one, subject.typed(one["curl"], token, url))
                for one in found["faults"]
            ),
        )

    async def _driven(self, service: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what the driver finds."""
        driver = await asyncio.create_subprocess_exec(
            *(str(self.how.python), "-P", str(DRIVER)),
            # It must not take settings from a file of Schemathesis that lies about.
            cwd=self.plan.places.root,
            env=_environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        told = json.dumps(asked).encode()
        try:
            async with asyncio.timeout(self.how.seconds + _GRACE_SECONDS):
                out, err = await driver.communicate(told)
        except TimeoutError as error:
            raise _failed(service, "it does not come to an end") from error
        finally:
            if driver.returncode is None:
                with suppress(ProcessLookupError):
                    driver.kill()
                await driver.wait()
        if driver.returncode:
            raise _failed(service, err.decode(errors="replace").strip()[-2000:])
        found: dict[str, Any] = json.loads(out)
        if found["errors"] or not found["requests"]:
            raise _failed(service, "\n".join(found["errors"]) or "it asked nothing")
        return found


def _environment() -> dict[str, str]:
    """Return the variables of the driver, without what changes how it asks."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_ODD)}
    return kept | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def _with_end(outcome: Outcome, reason: str) -> Outcome:
    """Return what came of asking a service, with that it ended meanwhile."""
    if not reason:
        return outcome
    fault = Fault(
        check="stays_up",
        operation=outcome.service,
        title="It ended while it was asked",
        message=reason,
        status=0,
        curl=f"fleet up {outcome.service}",
        times=1,
    )
    return replace(outcome, faults=(*outcome.faults, fault))


def _failed(service: str, said: str) -> FleetError:
    """Return that Schemathesis itself failed."""
    return FleetError(
        f"Schemathesis cannot ask {service}",
        where=said,
        hint=f"see that `fleet contracts freeze {service}` describes it",
        exit_code=OUR_FAULT,
    )
