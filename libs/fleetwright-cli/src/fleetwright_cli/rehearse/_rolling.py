"""Instances of a service, replaced one by one as a cluster does it."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from fleetwright_cli._errors import FleetError
from fleetwright_cli.local._backoff import Timings
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._process import Listener, Process
from fleetwright_cli.local._status import State, Status
from fleetwright_cli.rehearse._balancer import Balancer
from fleetwright_cli.rehearse._versions import Version

_LAST_LINES = 8
_UP = frozenset((State.READY, State.DEGRADED))


@dataclass(frozen=True, slots=True)
class Manners:
    """How an instance is stopped.

    Attributes:
        notice_seconds: How long it still gets new connections once its end has begun:
            so long a cluster's nodes need to hear of it.
        pause_seconds: From then until SIGTERM, the `preStop` of a cluster that has one.
        grace_seconds: From SIGTERM until it is killed.
        lame_duck_seconds: How long one on the runtime goes on accepting after SIGTERM.
    """

    notice_seconds: float = 1.0
    pause_seconds: float = 0.0
    grace_seconds: float = 20.0
    lame_duck_seconds: float = 5.0


class Instance:
    """A process of the service, and what it was started from.

    Attributes:
        version: What it runs.
        process: It.
    """

    def __init__(
        self, version: Version, launch: Launch, grace_seconds: float, listener: Listener
    ) -> None:
        """Prepare an instance.

        Args:
            version: What it runs.
            launch: How it is started.
            grace_seconds: From SIGTERM until it is killed.
            listener: Is told what it writes.
        """
        self.version = version
        self._pulse = asyncio.Event()
        self.process = Process(
            launch,
            stop_seconds=grace_seconds,
            timings=Timings(failed_starts=1),
            listener=replace(listener, changed=lambda _: self._pulse.set()),
        )
        self._task: asyncio.Task[Status] | None = None

    async def start(self) -> None:
        """Start it and wait until it takes calls.

        Raises:
            FleetError: It did not become ready.
        """
        self._task = asyncio.create_task(self.process.run())
        while self.process.status.state not in _UP:
            if self.process.status.state is State.FAILED:
                raise FleetError(
                    f"{self.version.name} of {self.process.launch.service} does not "
                    f"become ready: {self.process.status.reason}",
                    where=self._last_words(),
                    hint="a new version must start beside the old one, on its database",
                )
            self._pulse.clear()
            await self._pulse.wait()

    def _last_words(self) -> str:
        """Return what the process wrote last: its log file does not stay."""
        with suppress(OSError):
            text = self.process.launch.log_file.read_text("utf-8", errors="replace")
            said = [one for one in text.splitlines() if '"process.' not in one]
            return "\n".join(said[-_LAST_LINES:])
        return ""

    async def stop(self) -> Status:
        """Send SIGTERM, wait for its end; return how it ended."""
        self.process.close()
        if self._task is not None:
            await self._task
        return self.process.status


class Rollout:
    """The instances of a service, behind balancers.

    Attributes:
        instances: Those that take calls.
        ends: How those that were stopped ended.
    """

    def __init__(
        self,
        like: Launch,
        http: Balancer,
        grpc: Balancer,
        ports: Iterator[int],
        *,
        manners: Manners,
        listener: Listener,
    ) -> None:
        """Begin without instances.

        Args:
            like: How the tree's version would be started.
            http: What stands before the instances.
            grpc: The same for gRPC.
            ports: Free ports, in pairs: the next one is free, too.
            manners: How an instance is stopped.
            listener: Is told what instances write.
        """
        self.instances: list[Instance] = []
        self.ends: list[tuple[Version, Status]] = []
        self._like = like
        self._http = http
        self._grpc = grpc
        self._ports = ports
        self._manners = manners
        self._listener = listener

    async def start(self, version: Version, *, migrates: bool) -> None:
        """Start an instance and have it take calls.

        Args:
            version: What it runs.
            migrates: Whether it upgrades its database first.

        Raises:
            FleetError: It did not become ready.
        """
        launch = version.launch(self._like, next(self._ports), migrates=migrates)
        told = {"LAME_DUCK_SECONDS": f"{self._manners.lame_duck_seconds:g}"}
        launch = replace(launch, environment=told | dict(launch.environment))
        grace_seconds = self._manners.grace_seconds
        instance = Instance(version, launch, grace_seconds, self._listener)
        self.instances.append(instance)
        await instance.start()
        self._http.add(launch.port)
        if launch.grpc_port is not None:
            self._grpc.add(launch.grpc_port)

    async def replace(self, version: Version, *, migrates: bool) -> None:
        """Replace every instance by one of a version: one more first, then one less.

        Args:
            version: What takes their place.
            migrates: Whether the first one upgrades the database.

        Raises:
            FleetError: An instance did not become ready.
        """
        for instance in list(self.instances):
            await self.start(version, migrates=migrates)
            migrates = False
            await self._retire(instance)

    async def close(self) -> None:
        """Stop all instances at once, without pause."""
        await asyncio.gather(*(one.stop() for one in self.instances))

    @property
    def cuts(self) -> int:
        """How many requests an instance has read and never answered."""
        return self._http.cuts

    def unwell(self) -> list[str]:
        """Return how instances ended that did not end well, or not once."""
        found = []
        for version, status in self.ends:
            if status.exit_code != 0:
                how = "it was killed" if status.exit_code == -9 else "not with 0"
                found.append(f"{version.name} ended with {status.exit_code}, {how}")
            if status.restarts:
                found.append(f"{version.name} crashed: {status.restarted_because}")
        return found

    async def _retire(self, instance: Instance) -> None:
        """Stop an instance as a cluster does."""
        launch, manners = instance.process.launch, self._manners
        leaving = asyncio.create_task(self._leave(launch))
        try:
            await asyncio.sleep(manners.pause_seconds)
            status = await instance.stop()
            self.ends.append((instance.version, status))
            self.instances.remove(instance)
        finally:
            await leaving

    async def _leave(self, launch: Launch) -> None:
        """Take an instance out of the rotation, when the nodes have heard of it."""
        await asyncio.sleep(self._manners.notice_seconds)
        self._http.remove(launch.port)
        if launch.grpc_port is not None:
            self._grpc.remove(launch.grpc_port)
