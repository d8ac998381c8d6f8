"""Of a hundred events one cannot be decoded and one always fails: others go on."""

from pathlib import Path
from statistics import median

from sqlalchemy import text

from experiments.lab import Lab, percentile
from experiments.tormented import hold_promise, tormented
from fleetwright.database import AsyncDatabase
from tortured.plan import GROUPS, Wishes

MUTANTS = ("retries-in-place",)
SHARE = 0.01
TIMES = 2.0
TURNS = 3  # a stall of the disk is a p99 of its own: the median of three counts
NOISE_SECONDS = 0.05  # below it a lag is the machine's
WISHES = {
    "events": 500, "kills": 0, "troubles": 0, "fails_share": 0.0,
    "pause_seconds": 0.2, "ahead": 500,
}  # fmt: skip


async def run(lab: Lab) -> None:
    """Measure the lag of good events without and with poison among them, by turns."""
    lags: dict[float, list[float]] = {0.0: [], SHARE: []}
    for turn in range(TURNS):
        for share, found in lags.items():
            wishes = Wishes(**WISHES, doomed_share=share, garbled_share=share)  # type: ignore[arg-type]
            name = f"{'poison' if share else 'normal'}-{turn}"
            figures = await tormented(lab, name, wishes)
            hold_promise(lab, figures)
            found.append(percentile(await _lags(lab.folder / name), 0.99))
            if share:
                dead = sum([await _dead(lab.folder / name, group) for group in GROUPS])
                lab.check(
                    "the poison of both groups is dead, > 0 events", dead, dead > 0
                )
    normal, poisoned = (median(found) for found in lags.values())
    lab.check(
        f"the p99 lag of others <= {TIMES:g} times the normal one"
        f" (or {NOISE_SECONDS * 1000:g} ms more)",
        f"{normal * 1000:.0f} ms, with poison {poisoned * 1000:.0f} ms",
        poisoned <= max(TIMES * normal, normal + NOISE_SECONDS),
    )


async def _lags(folder: Path) -> list[float]:
    lags: list[float] = []
    for group in GROUPS:
        database = AsyncDatabase(f"sqlite+aiosqlite:///{folder}/{group}.db")
        async with database.reading() as session:
            lags += (await session.scalars(text("select lag from ledger"))).all()
        await database.close()
    return lags


async def _dead(folder: Path, group: str) -> int:
    database = AsyncDatabase(f"sqlite+aiosqlite:///{folder}/{group}.db")
    async with database.reading() as session:
        dead = text("select count(*) from fleet_parked where state > 0")
        count = int(await session.scalar(dead) or 0)
    await database.close()
    return count
