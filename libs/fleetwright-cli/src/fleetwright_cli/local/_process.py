"""The life of one process: start, probe, restart, drain, kill."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from fleetwright_cli.local._backoff import Again, Backoff, Timings
from fleetwright_cli.local._child import Child
from fleetwright_cli.local._endings import ending
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._logfiles import LogFile
from fleetwright_cli.local._probe import Answer, probe
from fleetwright_cli.local._status import State, Status, now_text

SETTLED = frozenset(
    {State.READY, State.DEGRADED, State.UNREADY, State.FAILED, State.STOPPED}
)
OUTPUT_SECONDS = 1.0  # longest wait for the output of a process that has ended


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what happens; called in the supervisor's loop, must not block.

    Attributes:
        changed: Gets the status after each change of state.
        line: Gets the process's name and each line of its output.
    """

    changed: Callable[[Status], None] = lambda status: None
    line: Callable[[str, str], None] = lambda name, text: None


class Process:
    """One launch, kept running while it is wanted.

    Everything that changes here is changed by the task of `run`; `start`, `stop` and
    `restart` only leave an order for it. After a crash it is started again with
    growing waits; at most one child runs at a time.

    Attributes:
        launch: What is started.
        status: How it is now.
        log: Where its output goes.
    """

    def __init__(
        self,
        launch: Launch,
        *,
        stop_seconds: float,
        timings: Timings,
        listener: Listener,
    ) -> None:
        """Prepare a process without starting it.

        Args:
            launch: What to start.
            stop_seconds: Grace between SIGTERM and SIGKILL.
            timings: Waits and counts.
            listener: Who is told.
        """
        self.launch = launch
        self.log = LogFile(launch.log_file)
        self.status = Status(
            name=launch.name,
            service=launch.service,
            state=State.WAITING,
            port=launch.port,
            grpc_url=launch.grpc_url,
            url=launch.url,
            log_file=str(launch.log_file),
            database_url=launch.database_url,
            since=now_text(),
        )
        self._stop_seconds = stop_seconds
        self._timings = timings
        self._listener = listener
        self._backoff = Backoff(timings)
        self._child: Child | None = None
        self._wanted = True
        self._closing = False
        self._order = asyncio.Event()
        self._order_reason: str | None = None
        self._ready_at: float | None = None
        self._started_at = 0.0
        self._restarts = 0
        self._restarted_because: str | None = None

    # Orders, from other tasks

    def start(self) -> None:
        """Want it to run; does nothing while it runs."""
        if not self._wanted or self.status.state in {State.FAILED, State.BACKOFF}:
            self._wanted = True
            self._backoff.reset()
            self._give_order(None)

    def stop(self) -> None:
        """Want it stopped, until `start`."""
        self._wanted = False
        self._give_order(None)

    def restart(self, reason: str) -> None:
        """Drain it and start it again.

        Args:
            reason: Shown to people.
        """
        self._wanted = True
        self._backoff.reset()
        self._give_order(reason)

    def close(self) -> None:
        """Drain it and end `run`."""
        self._closing = True
        self.stop()

    def kill(self) -> None:
        """Kill it now, without grace, and end `run`."""
        self._stop_seconds = 0.0
        self.close()
        if self._child is not None:
            self._child.kill()

    @property
    def settled(self) -> bool:
        """Whether it has done what it was last told, well or not."""
        return not self._order.is_set() and self.status.state in SETTLED

    # The life

    async def run(self) -> Status:
        """Keep it as it is wanted, until `close`.

        Returns:
            The last status.
        """
        while not self._closing:
            if not self._wanted:
                self._order.clear()  # first: who waits for it looks when told
                self._become(State.STOPPED, None)
                await self._next_order(None)
                continue
            self._order.clear()
            self._order_reason = None
            await self._one_life()
        if self.status.state is not State.FAILED:
            self._become(State.STOPPED, None)
        self.log.close()
        return self.status

    async def _one_life(self) -> None:
        """Start it once, follow it to its end, and wait before the next start."""
        self._ready_at = None
        self.log.forget()
        self._started_at = time.monotonic()
        self._become(
            State.STARTING,
            None,
            pid=None,
            restarts=self._restarts,
            restarted_because=self._restarted_because,
        )
        launch = self.launch
        try:
            self._child = await Child.start(
                launch.argv, folder=launch.folder, environment=launch.environment
            )
        except OSError as error:
            await self._ended(None, f"could not be started: {error}")
            return
        self._note("process.started", pid=self._child.pid)
        self._become(State.STARTING, None, pid=self._child.pid)
        try:
            exit_code, because = await self._follow(self._child)
        finally:
            self._child = None
        self._note("process.ended", exit_code=exit_code, reason=because)
        if because is None:
            self._restarted(exit_code)
        else:
            await self._ended(exit_code, because)

    async def _follow(self, child: Child) -> tuple[int, str | None]:
        """Return the exit code and why it ended; None when it was asked to."""
        output = asyncio.create_task(self._keep_output(child))
        end = asyncio.create_task(child.wait())
        order = asyncio.create_task(self._order.wait())
        trouble = asyncio.create_task(self._watch_health())
        tasks = (end, order, trouble)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                return end.result(), ending(end.result())
            because = trouble.result() if trouble.done() else None
            self._become(State.STOPPING, because or self._order_reason)
            exit_code = await child.stop(self._stop_seconds)
            return exit_code, because
        finally:
            for task in (order, trouble):
                task.cancel()
            child.kill()
            await end
            # A grandchild in a session of its own may hold the pipe open.
            await asyncio.wait((output,), timeout=OUTPUT_SECONDS)
            output.cancel()
            child.close_output()

    async def _keep_output(self, child: Child) -> None:
        """Write what the child says to its file and pass it on."""
        async for raw in child.lines():
            text = raw.decode("utf-8", "replace")
            with suppress(OSError):  # a full disk must not stop a service
                self.log.write(text)
            self._listener.line(self.launch.name, text)

    async def _watch_health(self) -> str:
        """Probe until it is hopeless; return why."""
        timings = self._timings
        while not (answer := await self._ask("/readyz")).good:
            if answer.status is not None:
                self._become(State.STARTING, answer.detail)
            if time.monotonic() - self._started_at > timings.start_seconds:
                return f"not ready in {timings.start_seconds:g} s: {answer.detail}"
            await asyncio.sleep(timings.start_probe_seconds)
        self._ready_at = time.monotonic()
        self._ready(answer, ready_seconds=self._lasted(self._started_at))
        ready = asyncio.create_task(self._watch_ready())
        try:
            return await self._watch_live()
        finally:
            ready.cancel()

    async def _watch_ready(self) -> None:
        """Move between ready, degraded and unready."""
        while True:
            await asyncio.sleep(self._timings.ready_probe_seconds)
            answer = await self._ask("/readyz")
            if self.status.state is State.UNHEALTHY:
                continue
            if answer.good:
                self._ready(answer)
            else:
                self._become(State.UNREADY, answer.detail)

    async def _watch_live(self) -> str:
        """Return why, when it has not answered several times in a row."""
        unanswered = 0
        while True:
            await asyncio.sleep(self._timings.live_probe_seconds)
            answer = await self._ask("/livez")
            if answer.good:
                if unanswered:
                    self._become(State.UNREADY, "answers again")
                unanswered = 0
                continue
            unanswered += 1
            self._become(State.UNHEALTHY, answer.detail)
            if unanswered >= self._timings.unanswered_probes:
                return f"{unanswered} times in a row {answer.detail}"

    # What follows an end

    def _restarted(self, exit_code: int) -> None:
        """Note an end that was asked for."""
        if self._wanted:
            self._count_restart(self._order_reason or "asked to")
        else:
            self._become(State.STOPPED, None, pid=None, exit_code=exit_code)

    async def _ended(self, exit_code: int | None, because: str) -> None:
        """Wait before the next start, or give up, after an end nobody asked for."""
        lasted = None if self._ready_at is None else self._lasted(self._ready_at)
        if self._closing or not self._wanted:
            self._become(State.STOPPED, because, pid=None, exit_code=exit_code)
            return
        verdict = self._backoff.ended(exit_code=exit_code, ready_for_seconds=lasted)
        if isinstance(verdict, Again):
            self._become(
                State.BACKOFF,
                f"{because}; starts again in {verdict.after_seconds:g} s",
                pid=None,
                exit_code=exit_code,
            )
            await self._next_order(verdict.after_seconds)
        else:
            self._become(
                State.FAILED,
                f"{because}; {verdict.because}",
                pid=None,
                exit_code=exit_code,
            )
            await self._next_order(None)
        if self._wanted:
            self._count_restart(because)

    def _count_restart(self, because: str) -> None:
        """Remember why the next start happens."""
        self._restarts += 1
        self._restarted_because = because

    async def _next_order(self, seconds: float | None) -> None:
        """Wait for an order, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._order.wait()
        self._order.clear()

    # Small steps

    def _give_order(self, reason: str | None) -> None:
        """Wake the task of `run`."""
        self._order_reason = reason
        self._order.set()

    def _become(self, state: State, reason: str | None, **changes: Any) -> None:
        """Take a state and tell it, when anything is new."""
        was = self.status
        status = replace(was, state=state, reason=reason, **changes)
        if state is not was.state:
            status = replace(status, since=now_text())
        if status == was:
            return
        self.status = status
        self._listener.changed(status)

    def _ready(self, answer: Answer, **changes: Any) -> None:
        """Take calls, maybe without a part."""
        state = State.DEGRADED if answer.detail else State.READY
        self._become(state, answer.detail or None, **changes)

    def _note(self, event: str, **fields: object) -> None:
        """Put a line of our own into the log file."""
        with suppress(OSError):
            self.log.note(event, service=self.launch.name, **fields)

    def _lasted(self, since: float) -> float:
        """Return the seconds since a moment."""
        return round(time.monotonic() - since, 3)

    async def _ask(self, path: str) -> Answer:
        """Return what a probe hears."""
        seconds = self._timings.probe_timeout_seconds
        return await probe(self.launch.port, path, timeout_seconds=seconds)
