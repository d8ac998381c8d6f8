"""Fleets of tiny processes: real ones, with real signals and sockets."""

import asyncio
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from fleetwright_cli.fleet import discover
from fleetwright_cli.local._backoff import Timings
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._process import Listener
from fleetwright_cli.local._status import State, Status
from fleetwright_cli.local._supervisor import Summary, Supervisor
from fleetwright_cli.venvs import READY, venv_of

STAND_IN = Path(__file__).with_name("stand_in.py")
PATIENCE_SECONDS = 20.0
QUICK = Timings(
    start_probe_seconds=0.01,
    ready_probe_seconds=0.02,
    live_probe_seconds=0.02,
    probe_timeout_seconds=0.5,
    first_backoff_seconds=0.01,
    longest_backoff_seconds=0.04,
    steady_seconds=60.0,
)


class Run:
    """A supervisor at work and all that it told."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self.told: list[Status] = []
        self.lines: list[tuple[str, str]] = []
        self.summary: Summary | None = None
        self._pulse = asyncio.Event()
        self.listener = Listener(changed=self._changed, line=self._line)
        self.supervisor: Supervisor

    def _changed(self, status: Status) -> None:
        self.told.append(status)
        self._pulse.set()

    def _line(self, name: str, text: str) -> None:
        self.lines.append((name, text))
        self._pulse.set()

    def now(self, name: str) -> Status:
        """Return a process as it is now."""
        return next(s for s in self.supervisor.statuses if s.name == name)

    def states(self, name: str) -> list[State]:
        """Return the states that a process went through."""
        states = [status.state for status in self.told if status.name == name]
        return [s for n, s in enumerate(states) if n == 0 or states[n - 1] is not s]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something told makes the condition true."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                self._pulse.clear()
                await self._pulse.wait()

    async def ready(self, name: str) -> Status:
        """Wait until a process is ready."""
        await self.until(lambda: self.now(name).state is State.READY)
        return self.now(name)


@asynccontextmanager
async def running(
    *launches: Launch,
    stop_seconds: float = 10.0,
    timings: Timings = QUICK,
    reload: bool = False,
) -> AsyncIterator[Run]:
    """Run processes inside the block; all have stopped after it."""
    run = Run()
    run.supervisor = Supervisor(
        launches,
        stop_seconds=stop_seconds,
        reload=reload,
        timings=timings,
        listener=run.listener,
    )
    task = asyncio.create_task(run.supervisor.run())
    try:
        yield run
    finally:
        run.supervisor.stop()
        run.summary = await task


@pytest.fixture(name="running")
def _running() -> object:
    """What runs processes inside a block."""
    return running


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port: int = candidate.getsockname()[1]
        return port


def free_ports(count: int) -> int:
    """Return the first of several ports in a row that nobody listens on.

    Below those that systems give to whoever asks for any port.
    """
    for _ in range(100):
        first = 15_000 + secrets.randbelow(15_000)
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    candidate = held.enter_context(socket.socket())
                    candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("there are no free ports in a row")


@pytest.fixture(name="launch")
def _launch(tmp_path: Path) -> Callable[..., Launch]:
    """What makes a launch of the stand-in, its folder below tmp_path/services."""

    def launch(
        name: str = "orders",
        mode: str = "",
        needs: tuple[str, ...] = (),
        watched: tuple[Path, ...] = (),
    ) -> Launch:
        folder = tmp_path / "services" / name
        (folder / "src").mkdir(parents=True)
        port = free_port()
        return Launch(
            name=name,
            service=name,
            argv=(sys.executable, "-S", str(STAND_IN)),
            folder=folder,
            environment={"PATH": os.defpath, "PORT": str(port), "MODE": mode},
            port=port,
            log_file=tmp_path / "logs" / f"{name}.log",
            watched=(folder / "src", folder / ".env", *watched),
            needs=frozenset(needs),
        )

    return launch


def eventually(condition: Callable[[], object]) -> None:
    """Wait for something another process does; fail when it does not."""
    latest = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < latest, "it never happened"
        time.sleep(0.01)  # the look at another process, not a guess at its speed


@pytest.fixture(name="eventually")
def _eventually() -> Callable[[Callable[[], object]], None]:
    """What waits, with a deadline, for something another process does."""
    return eventually


@pytest.fixture(name="lives")
def _lives() -> Callable[[int], bool]:
    """What tells whether a process runs; a zombie does not."""

    def lives(pid: int) -> bool:
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return text.rpartition(")")[2].split()[0] != "Z"

    return lives


@pytest.fixture(name="fleet")
def _fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The root of a fleet of `catalog` and `orders`, environments made; our folder."""
    (tmp_path / "fleet.toml").write_text(
        f"[fleet]\nname = 'tiny'\n[up]\nfirst_port = {free_ports(4)}\n"
        "stop_seconds = 5\nconsole_port = 0\n"
    )
    for name in ("catalog", "orders"):
        source = tmp_path / "services" / name / "src"
        (source / name / "migrations").mkdir(parents=True)
        (source / name / "__init__.py").touch()
        (source / name / "app.py").write_text("# call(provider='catalog')\n")
        (source / "fleetwright").mkdir()
        shutil.copy(STAND_IN, source / "fleetwright" / "serve.py")
        (tmp_path / "services" / name / "requirements.txt").write_text(f"# {name}\n")
    fleet = discover(tmp_path)
    for service in fleet.services.values():
        venv = venv_of(fleet, service)
        venv.python.parent.mkdir(parents=True, exist_ok=True)
        venv.python.symlink_to(sys.executable)
        (venv.folder / READY).touch()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    ask(tmp_path / ".fleet" / "run", "down")
