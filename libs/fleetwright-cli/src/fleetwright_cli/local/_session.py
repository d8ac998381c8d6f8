"""One run of a plan in this process: lock, map, supervisor, socket and signals."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fleetwright_cli.local._backoff import Timings
from fleetwright_cli.local._console import Changes, Console, serving
from fleetwright_cli.local._control import Control, only_one
from fleetwright_cli.local._plan import Plan
from fleetwright_cli.local._process import Listener, Process
from fleetwright_cli.local._supervisor import Summary, Supervisor

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Session:
    """Runs a plan until a signal or `fleet down` ends it.

    The first signal drains, the second kills.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        reload: bool,
        listener: Listener,
        on_settled: Callable[[Supervisor], None],
        on_stopping: Callable[[], None],
        console: Console | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            plan: What to run.
            reload: Whether changed files restart processes.
            listener: Who is told what happens.
            on_settled: Called once, when all are ready or one is given up.
            on_stopping: Called once, at the first signal.
            console: What shows the run in a browser; None for none.
        """
        self._plan = plan
        self._reload = reload
        self._listener = listener
        self._on_settled = on_settled
        self._on_stopping = on_stopping
        self._console = console

    async def run(self, timings: Timings | None = None) -> Summary:
        """Run until told to stop.

        Args:
            timings: Waits and counts; the usual ones when left out.

        Returns:
            How it was.

        Raises:
            FleetError: The fleet runs already, or a port is in use.
        """
        plan = self._plan
        with only_one(plan.places.run):
            plan.require_free_ports()
            plan.write_map()
            plan.clear_faults()
            changes = Changes(plan.places.changes, self._listener)
            supervisor = Supervisor(
                plan.launches,
                stop_seconds=plan.stop_seconds,
                reload=self._reload,
                timings=timings,
                listener=changes.listener,
            )
            self._take_signals(supervisor)
            # The console comes first and goes last: it misses nothing.
            async with self._shown() as shown:
                control = Control(supervisor, console=shown)
                async with control.listening(plan.places.run):
                    settled = asyncio.create_task(self._tell_settled(supervisor))
                    try:
                        return await supervisor.run()
                    finally:
                        settled.cancel()
                        changes.close()

    @asynccontextmanager
    async def _shown(self) -> AsyncIterator[Process | None]:
        """Run the console, if there is to be one."""
        if self._console is None:
            yield None
            return
        async with serving(self._console, told=self._listener.changed) as process:
            yield process

    def _take_signals(self, supervisor: Supervisor) -> None:
        """Drain at the first signal, kill at the second."""
        loop = asyncio.get_running_loop()
        heard = False

        def stop() -> None:
            nonlocal heard
            if heard:
                supervisor.kill()
                return
            heard = True
            supervisor.stop()
            self._on_stopping()

        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, stop)

    async def _tell_settled(self, supervisor: Supervisor) -> None:
        """Tell once that the start is over."""
        await supervisor.settled_or_failed()
        if not supervisor.is_stopping:
            self._on_settled(supervisor)
