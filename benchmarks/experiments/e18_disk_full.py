"""The disk fills under a service and its broker, and has room again."""

import asyncio
import ctypes
import os
import time
from contextlib import suppress
from pathlib import Path

from experiments.calling import Http
from experiments.lab import Lab
from experiments.watching import Watch, told
from fleetwright._sqlite import connect

MUTANTS = ("leaves_them_nameless", "says_yes_anyway")
DISK_BYTES = 20 << 20
BALLAST_BYTES = 8 << 20
FILLER_BYTES = 60_000
FULL_SECONDS = 40.0
BACK_SECONDS = 5.0


async def run(lab: Lab) -> None:
    """Fill a small disk with rows, make room, and look at every file."""
    disk = lab.folder / "disk"
    disk.mkdir()
    if why := _mounted(disk):
        lab.note("not run: a small disk needs root", why)
        return
    lab.stack.callback(_unmounted, disk)
    (disk / "ballast").write_bytes(b"x" * BALLAST_BYTES)
    files = (disk / "shelf.db", disk / "broker.db")
    shelf = await lab.serve(
        "experiments.shelf:create_shelf",
        DATABASE_URL=f"sqlite+aiosqlite:///{files[0]}",
        BROKER_URL=f"embedded:///{files[1]}",
    )
    async with Http() as http:
        async with Watch(lab, http, shelf.url) as watch:
            watch.filler_bytes = FILLER_BYTES
            full = await _until_full(watch)
            await asyncio.sleep(3.0)
            (disk / "ballast").unlink()
            freed = time.monotonic()
            watch.filler_bytes = 10
            while not any(row.status == 200 for row in watch.answers(freed, 1e12)):
                if time.monotonic() - freed > 4 * BACK_SECONDS:
                    break
                await asyncio.sleep(0.05)
            back = time.monotonic() - freed
            await asyncio.sleep(2.0)
        rows = await _heard(http, shelf.url)
    lab.check("the disk was full", f"after {len(watch.acknowledged())} rows",
              full > 0)  # fmt: skip
    meanwhile = watch.answers(full, freed)
    lab.check("writes fail with 503 or 507", told(meanwhile),
              bool({row.status for row in meanwhile} & {503, 507})
              and {row.status for row in meanwhile} <= {200, 503, 507})  # fmt: skip
    lab.check(f"writes again <= {BACK_SECONDS:g} s after there is room",
              f"{back:.1f} s", back <= BACK_SECONDS)  # fmt: skip
    dead = sum(probe.live != 200 for probe in watch.probed)
    lab.check("alive all the time, one process", f"{dead} times not",
              not dead and shelf.process.returncode is None)  # fmt: skip
    lost = watch.acknowledged() - set(rows["kept"])
    lab.check("no acknowledged row is lost",
              f"{len(lost)} of {len(watch.acknowledged())}", not lost)  # fmt: skip
    kept = sorted(rows["kept"])
    lab.check("every row that is kept is heard of once",
              f"{len(kept)} kept, {len(rows['heard'])} times heard",
              sorted(rows["heard"]) == kept)  # fmt: skip
    for file in files:
        said = _integrity(file)
        lab.check(f"{file.name} is whole", said, said == "ok")


async def _until_full(watch: Watch) -> float:
    """Return when the first write was refused; 0 when none was."""
    ends = time.monotonic() + FULL_SECONDS
    while time.monotonic() < ends:
        for row in watch.written:
            if row.status != 200:
                return row.at
        await asyncio.sleep(0.05)
    return 0.0


async def _heard(http: Http, url: str) -> dict[str, list[int]]:
    """Return the rows once all are heard of; as they are after a while."""
    rows: dict[str, list[int]] = {"kept": [], "heard": []}
    for _ in range(100):
        rows = await http.get(f"{url}/v1/rows")
        if len(rows["heard"]) >= len(rows["kept"]):
            break
        await asyncio.sleep(0.1)
    return rows


def _integrity(file: Path) -> str:
    """Return what SQLite says about a file."""
    connection = connect(str(file))
    try:
        return str(connection.execute("pragma integrity_check").fetchone()[0])
    finally:
        connection.close()


def _mounted(folder: Path) -> str:
    """Put a small disk there; return why that is impossible, or nothing."""
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"size={DISK_BYTES}".encode()
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options) == 0:
        return ""
    return os.strerror(ctypes.get_errno())


def _unmounted(folder: Path) -> None:
    """Take the small disk away."""
    with suppress(AttributeError):
        ctypes.CDLL(None).umount2(os.fsencode(folder), 2)  # MNT_DETACH
