"""The audit: what was committed against what came of it, and what is left anywhere."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError
from fleetwright.events._parking import State
from fleetwright.events._tables import parked
from tortured.plan import GROUPS, PRODUCERS

_placed = text("select token, key, n, doomed from placed")
_effects = text("select key, n, token from ledger order by i")
_outbox = text("select count(*) from fleet_outbox")


_COUNTS = (
    "lost",
    "forgotten",
    "doubled",
    "disordered",
    "invented",
    "wrongly_dead",
    "stuck",
)


@dataclass(slots=True)
class Found:
    """What an audit has found; everything but `examples` is zero when all is well.

    Attributes:
        lost: Committed events without an effect in a group.
        forgotten: Events whose commit was told, and that are not there.
        doubled: Effects beyond the first of their event in their group.
        disordered: Effects that came before one of an earlier event of their key.
        invented: Effects of events that were never committed.
        wrongly_dead: Dead events that ought to have succeeded, or the reverse.
        stuck: What is left in outboxes, parked, or with the broker.
        examples: A few of each, to look for in the logs.
    """

    lost: int = 0
    forgotten: int = 0
    doubled: int = 0
    disordered: int = 0
    invented: int = 0
    wrongly_dead: int = 0
    stuck: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the promise was kept."""
        return not any(self.counts().values())

    def counts(self) -> dict[str, int]:
        """Return the figures by name."""
        return {name: getattr(self, name) for name in _COUNTS}

    def add(self, what: str, where: str, which: Sequence[object]) -> None:
        """Count something that ought not to be.

        Args:
            what: The name of a figure.
            where: The group.
            which: One for each time.
        """
        if which:
            setattr(self, what, getattr(self, what) + len(which))
            few = ", ".join(map(str, which[:5]))
            self.examples.append(f"{what} in {where}: {few}")


def compare(
    found: Found,
    group: str,
    placed: Iterable[tuple[str, str, int, int]],
    effects: Sequence[tuple[str, int, str]],
    dead: set[str],
) -> None:
    """Hold the effects of a group against what was committed.

    Args:
        found: Where it is noted.
        group: Which group.
        placed: Token, key, number and doom of every committed event.
        effects: Key, number and token of every effect, in the order they came.
        dead: The tokens of events that were given up.
    """
    right = {token for token, _, _, doomed in placed if not doomed}
    doomed = {token for token, _, _, is_doomed in placed if is_doomed}
    seen: set[str] = set()
    last: dict[str, int] = {}
    doubled, disordered, invented = [], [], []
    for key, n, token in effects:
        if token not in right:
            invented.append(f"{key}#{n} {token}")
        elif token in seen:
            doubled.append(f"{key}#{n} {token}")
        elif n < last.get(key, 0):
            disordered.append(f"{key}#{n} after #{last[key]}")
        seen.add(token)
        last[key] = max(n, last.get(key, 0))
    found.add("invented", group, invented)
    found.add("doubled", group, doubled)
    found.add("disordered", group, disordered)
    found.add("lost", group, sorted(right - seen))
    found.add("wrongly_dead", group, sorted(dead ^ doomed))


async def committed(
    databases: Mapping[str, AsyncDatabase],
) -> list[tuple[str, str, int, int]]:
    """Return every event that producers have committed.

    Args:
        databases: By name.
    """
    rows: list[tuple[str, str, int, int]] = []
    for name in PRODUCERS:
        async with databases[name].reading() as session:
            rows += [(*row,) for row in await session.execute(_placed)]
    return rows


async def audit(
    databases: Mapping[str, AsyncDatabase], acknowledged: set[str], left: int
) -> Found:
    """Read every database and compare.

    Args:
        databases: By name.
        acknowledged: The tokens of the events whose commit was told to a producer.
        left: What is left with the broker.
    """
    found = Found()
    placed = await committed(databases)
    forgotten = acknowledged - {token for token, *_ in placed}
    found.add("forgotten", "the databases of producers", sorted(forgotten))
    for group in GROUPS:
        async with databases[group].reading() as session:
            effects = [(*row,) for row in await session.execute(_effects)]
            rows = (await session.execute(select(parked.c.state, parked.c.body))).all()
        dead = {json.loads(body)["token"] for state, body in rows if state}
        waiting = [body for state, body in rows if state == State.RETRY]
        compare(found, group, placed, effects, dead)
        found.add("stuck", f"{group}, parked", waiting)
    for name in PRODUCERS:
        async with databases[name].reading() as session:
            rows_left = int(await session.scalar(_outbox) or 0)
        found.add("stuck", f"the outbox of {name}", ["a row"] * rows_left)
    found.add("stuck", "the broker", ["a message"] * left)
    return found


async def counted(database: AsyncDatabase, table: str, where: str = "") -> int | None:
    """Return how many rows a table has; None while that cannot be told.

    Args:
        database: Which.
        table: Its name.
        where: A condition with its keyword.
    """
    try:
        async with database.reading() as session:
            count = text(f"select count(*) from {table} {where}")
            return int(await session.scalar(count) or 0)
    except (FleetwrightError, SQLAlchemyError, OSError):
        return None
