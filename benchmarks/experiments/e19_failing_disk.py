"""One in a hundred writes and syncs of the disk fails for as long as orders come in.

The disk of every process fails: of producers, relays, consumers, and the file of the
embedded broker. Needs libfiu (Debian: fiu-utils, libfiu-dev).
"""

from contextlib import closing
from pathlib import Path

from experiments.lab import Lab
from experiments.tormented import hold_promise, tormented
from fleetwright._sqlite import sqlite_module
from tortured.plan import Wishes

MUTANTS = ("forgets-failures", "ack-before-effect")
SHARE = 0.01


async def run(lab: Lab) -> None:
    """Fail the disk, heal it, come to rest, audit, and check every file."""
    wishes = Wishes(events=2_500, kills=0, troubles=0, disk_fails_share=SHARE)
    figures = await tormented(lab, "disk", wishes)
    hold_promise(lab, figures)
    counts = figures.counts
    names = ("producer.failed", "outbox.relay_failed", "consumer.failed")
    told = {name: counts[name] for name in names}
    failures = sum(told.values())
    words = ", ".join(f"{name} {count}" for name, count in told.items())
    lab.check("failures were met, > 20", words, failures > 20)
    for file in sorted((lab.folder / "disk").glob("*.db")):
        verdict = _integrity(file)
        lab.check(f"integrity of {file.name}", verdict, verdict == "ok")


def _integrity(file: Path) -> str:
    with closing(sqlite_module().connect(file)) as connection:
        return str(connection.execute("pragma integrity_check").fetchone()[0])
