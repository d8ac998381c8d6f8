"""The database is away for 20 s under load, then another process keeps it locked."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from experiments.calling import Http
from experiments.lab import Lab
from experiments.watching import Probed, Watch, told
from tortured.servers import Server

MUTANTS = (
    "never_asks_the_database",
    "never_looks_again",
    "leaves_them_nameless",
    "waits_past_its_deadline",
)
AWAY_SECONDS = 20.0
LOCKED_SECONDS = 8.0
CALM_SECONDS = 2.0
FALSE_SECONDS = BACK_SECONDS = 5.0
REQUEST_SECONDS = 2.0
LATE_SECONDS = 1.0  # of a machine full of other work
_LOCK = """
import sys
from fleetwright._sqlite import connect
connection = connect(sys.argv[1])
connection.execute("begin immediate")
print("held", flush=True)
sys.stdin.readline()
"""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One way to be without a database.

    Attributes:
        name: Of the database.
        url: Where it is.
        seconds: How long it lasts.
        begin: Begins it.
        end: Ends it; the database answers again then.
    """

    name: str
    url: str
    seconds: float
    begin: Callable[[], Awaitable[None]]
    end: Callable[[], Awaitable[None]]


async def run(lab: Lab) -> None:
    """Take PostgreSQL away and give it back; lock a file and let it go."""
    lab.folder.chmod(0o711)  # PostgreSQL may run as a user of its own
    server = Server("postgres", lab.folder)
    lab.stack.push_async_callback(server.down)
    await server.up()
    file = lab.folder / "locked.db"
    lock = Lock(file)
    lab.stack.push_async_callback(lock.release)
    here = Trouble("PostgreSQL", server.url, AWAY_SECONDS, server.kill, server.start)
    there = Trouble(
        "SQLite", f"sqlite+aiosqlite:///{file}", LOCKED_SECONDS, lock.take, lock.release
    )
    await asyncio.gather(_hold(lab, here), _hold(lab, there))


class Lock:
    """Another process that keeps a file of SQLite locked."""

    def __init__(self, file: Path) -> None:
        """Hold nothing yet.

        Args:
            file: Which.
        """
        self._file = file
        self._holder: Process | None = None

    async def take(self) -> None:
        """Lock it."""
        self._holder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _LOCK, str(self._file)), stdin=PIPE, stdout=PIPE
        )
        assert self._holder.stdout is not None
        await self._holder.stdout.readline()

    async def release(self) -> None:
        """Let it go; safe to call again."""
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.kill()
            await holder.wait()


async def _hold(lab: Lab, trouble: Trouble) -> None:
    """Hold one kind of trouble to its figures."""
    shelf = await lab.serve(
        "experiments.shelf:create_shelf",
        DATABASE_URL=trouble.url,
        REQUEST_SECONDS=str(REQUEST_SECONDS),
    )
    async with Http() as http, Watch(lab, http, shelf.url) as watch:
        await asyncio.sleep(CALM_SECONDS)
        await trouble.begin()
        began = time.monotonic()
        noticed = await watch.until(_is_not_ready, 2 * FALSE_SECONDS)
        await asyncio.sleep(max(0.0, began + trouble.seconds - time.monotonic()))
        over = time.monotonic()
        await trouble.end()
        again = await watch.until(_is_ready, 2 * BACK_SECONDS)
        well = time.monotonic()
        await asyncio.sleep(CALM_SECONDS)
    async with Http() as http:
        rows = await http.get(f"{shelf.url}/v1/rows")
    name = trouble.name
    lab.check(f"{name}: not ready <= {FALSE_SECONDS:g} s", f"{noticed:.1f} s",
              noticed <= FALSE_SECONDS)  # fmt: skip
    meanwhile = watch.answers(began + 0.5, over - REQUEST_SECONDS)
    lab.check(f"{name}: only 503 and 504 meanwhile", told(meanwhile),
              {row.status for row in meanwhile} <= {503, 504})  # fmt: skip
    slowest = max((row.seconds for row in watch.answers(began, over)), default=0.0)
    most = REQUEST_SECONDS + LATE_SECONDS
    lab.check(f"{name}: no answer after more than {most:g} s", f"{slowest:.2f} s",
              slowest <= most)  # fmt: skip
    lab.check(f"{name}: ready again <= {BACK_SECONDS:g} s", f"{again:.1f} s",
              again <= BACK_SECONDS)  # fmt: skip
    after = watch.answers(well, well + CALM_SECONDS)
    lab.check(f"{name}: every call succeeds then", told(after),
              {row.status for row in after} == {200})  # fmt: skip
    dead = sum(probe.live != 200 for probe in watch.probed)
    lab.check(f"{name}: alive all the time, one process", f"{dead} times not",
              not dead and shelf.process.returncode is None)  # fmt: skip
    lost = watch.acknowledged() - set(rows["kept"])
    lab.check(f"{name}: no acknowledged row is lost",
              f"{len(lost)} of {len(watch.acknowledged())}", not lost)  # fmt: skip


def _is_ready(probe: Probed) -> bool:
    return probe.ready == 200


def _is_not_ready(probe: Probed) -> bool:
    return probe.ready == 503
