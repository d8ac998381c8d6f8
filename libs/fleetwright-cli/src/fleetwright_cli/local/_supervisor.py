"""All processes of the plan, run until told to stop."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.local._backoff import Timings
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._process import Listener, Process
from fleetwright_cli.local._status import State, Status
from fleetwright_cli.local._watch import watch


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run of the fleet was.

    Attributes:
        seconds: From start to end.
        services: The last status of each process.
    """

    seconds: float
    services: tuple[Status, ...]

    @property
    def restarts(self) -> int:
        """Return the restarts of all processes."""
        return sum(status.restarts for status in self.services)

    @property
    def clean(self) -> bool:
        """Whether every process that ran ended with exit code 0."""
        return all(status.exit_code in {0, None} for status in self.services)


class Supervisor:
    """Runs the launches of a plan, each kept alive by a task of its own.

    All start together: services bear the absence of a neighbour. They stop in turn:
    one that is called by others stops after them, so that what is in flight finds it.
    """

    def __init__(
        self,
        launches: tuple[Launch, ...],
        *,
        stop_seconds: float,
        reload: bool = True,
        timings: Timings | None = None,
        listener: Listener | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            launches: What to run.
            stop_seconds: Grace between SIGTERM and SIGKILL.
            reload: Whether changed files restart processes.
            timings: Waits and counts; the usual ones when left out.
            listener: Who is told what happens.
        """
        self._launches = launches
        self._reload = reload
        self._began = time.monotonic()
        self._pulse = asyncio.Event()
        self._stop = asyncio.Event()
        self._told = listener or Listener()
        mine = Listener(changed=self._changed, line=self._told.line)
        self._processes = {
            launch.name: Process(
                launch,
                stop_seconds=stop_seconds,
                timings=timings or Timings(),
                listener=mine,
            )
            for launch in launches
        }

    @property
    def statuses(self) -> tuple[Status, ...]:
        """Return every process as it is now, in the order of the plan."""
        return tuple(process.status for process in self._processes.values())

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._began

    async def run(self) -> Summary:
        """Run everything until `stop`.

        Returns:
            How it was.
        """
        tasks = {
            name: asyncio.create_task(process.run(), name=f"process {name}")
            for name, process in self._processes.items()
        }
        watching = asyncio.create_task(self._watch()) if self._reload else None
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait(
                (stopping, *tasks.values()), return_when=asyncio.FIRST_COMPLETED
            )
            self._stop.set()
            await self._drain(tasks)
        finally:
            self._stop.set()
            stopping.cancel()
            for process in self._processes.values():
                process.kill()
            done = await asyncio.gather(*tasks.values(), return_exceptions=True)
            if watching is not None:
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise outcome
        return Summary(round(self.seconds, 3), self.statuses)

    def stop(self) -> None:
        """Drain and stop everything; `run` returns afterwards."""
        self._stop.set()

    def kill(self) -> None:
        """Kill everything now; `run` returns afterwards."""
        self._stop.set()
        for process in self._processes.values():
            process.kill()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def named(self, names: Iterable[str]) -> list[Process]:
        """Return the processes of services.

        Args:
            names: Services or single processes; none means all.

        Returns:
            The processes in the order of the plan.

        Raises:
            FleetError: A name is unknown.
        """
        wanted = set(names)
        known = {p.launch.service for p in self._processes.values()}
        unknown = sorted(wanted - known - set(self._processes))
        if unknown:
            raise FleetError(
                f"no service {unknown[0]!r} is running here",
                where=f"running: {', '.join(self._processes)}",
                hint="see them with `fleet ps`",
            )
        return [
            process
            for name, process in self._processes.items()
            if not wanted or name in wanted or process.launch.service in wanted
        ]

    async def settled(self, processes: Iterable[Process]) -> None:
        """Wait until processes have done what they were told, well or not.

        Args:
            processes: Those to wait for.
        """
        waited = list(processes)
        while not all(process.settled for process in waited):
            self._pulse.clear()
            await self._pulse.wait()

    async def settled_or_failed(self) -> None:
        """Wait until all are ready, or the first is given up."""
        everyone = self._processes.values()
        while not (
            all(process.settled for process in everyone)
            or any(process.status.state is State.FAILED for process in everyone)
        ):
            self._pulse.clear()
            await self._pulse.wait()

    def _changed(self, status: Status) -> None:
        """Pass a change on and wake those who wait."""
        self._told.changed(status)
        self._pulse.set()

    async def _drain(self, tasks: dict[str, asyncio.Task[Status]]) -> None:
        """Stop every process after those that call it."""
        await asyncio.gather(*(self._close(name, tasks) for name in tasks))

    async def _close(self, name: str, tasks: dict[str, asyncio.Task[Status]]) -> None:
        """Stop one process when its callers have ended; a cycle is not waited for."""
        process = self._processes[name]
        callers = [
            tasks[other.name]
            for other in self._launches
            if process.launch.service in other.needs
            and process.launch.service != other.service
            and not self._calls_back(process.launch, other)
        ]
        if callers:
            await asyncio.wait(callers)
        process.close()
        await asyncio.wait((tasks[name],))

    def _calls_back(self, launch: Launch, other: Launch) -> bool:
        """Return whether `launch` needs `other`, directly or through others."""
        needs = {each.service: each.needs for each in self._launches}
        reached: set[str] = set()
        ahead = set(launch.needs)
        while ahead:
            service = ahead.pop()
            reached.add(service)
            ahead |= needs.get(service, frozenset()) - reached
        return other.service in reached

    async def _watch(self) -> None:
        """Restart what changes."""
        await watch(self._launches, restart=self._reloaded, stopped=self._stop)

    def _reloaded(self, name: str, path: Path) -> None:
        """Restart one process because of a file."""
        process = self._processes[name]
        if not self._stop.is_set() and process.status.state is not State.STOPPED:
            process.restart(f"{self._shown(name, path)} changed")

    def _shown(self, name: str, path: Path) -> str:
        """Return a path as a person in the fleet's root would write it."""
        root = self._processes[name].launch.folder.parent.parent
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
