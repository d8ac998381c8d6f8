"""What a broker refused for now: left out for a while, with what must not overtake it.

The relay would offer the same events again and again otherwise, and never get to those
behind them. Known to the process that relays; the next one finds out for itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_

from fleetwright._clock import clock
from fleetwright.events._broker import BEHIND, Passing
from fleetwright.events._carrying import Row
from fleetwright.events._tables import outbox

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 1.0  # until there is room again nobody is told
MOST_KEYS: Final = 256  # then lanes of topics: a question must not grow with a backlog
_Place = tuple[str, int]
_key = func.coalesce(outbox.c.key, "~" + outbox.c.id)  # as `Message.order_key`


@dataclass(slots=True)
class _Hold:
    """How long something is left out, and why."""

    pause_seconds: float
    until: float
    reason: str


class HeldBack:
    """Keys whose events were refused, and lanes of topics where there are many."""

    def __init__(self) -> None:
        """Hold nothing back."""
        self._keys: dict[str, _Hold] = {}
        self._places: dict[_Place, _Hold] = {}
        self._others_had_a_turn = True

    @property
    def reason(self) -> str | None:
        """Why the last one was refused; None while nothing is held back."""
        holds = [*self._keys.values(), *self._places.values()]
        return max(holds, key=lambda hold: hold.until).reason if holds else None

    def learn(self, batch: Sequence[Row], refused: Mapping[str, str]) -> None:
        """Take note of what became of a batch; costs nothing while all goes well.

        Args:
            batch: What was offered, in order.
            refused: The ids of what was refused, and why.
        """
        if not (refused or self._keys or self._places):
            return
        self._others_had_a_turn = not refused
        for row in batch:
            reason = refused.get(row.message.id)
            key, place = row.message.order_key, (row.message.topic, row.message.lane)
            if reason is None:
                self._keys.pop(key, None)
                self._places.pop(place, None)
            elif reason != BEHIND:  # its key is held back by who was before it
                self._refused(key, place, reason)
        if not refused:
            self._forget_old()

    def _refused(self, key: str, place: _Place, reason: str) -> None:
        has_room = key in self._keys or len(self._keys) < MOST_KEYS
        now = clock().monotonic()
        known = self._keys.get(key) if has_room else self._places.get(place)
        if known is not None and known.until > now:
            return  # of the same round
        pause = FIRST_SECONDS
        if known is not None and isinstance(reason, Passing):
            pause = min(LONGEST_SECONDS, 2 * known.pause_seconds)
        hold = _Hold(pause, now + pause, reason)
        if has_room:
            self._keys[key] = hold
        else:
            self._places[place] = hold

    def _forget_old(self) -> None:
        """Forget what had its next turn and was not refused.

        It was given up or discarded, and nothing that could tell so comes behind it.
        """
        oldest = clock().monotonic() - LONGEST_SECONDS
        self._keys = {k: hold for k, hold in self._keys.items() if hold.until > oldest}
        self._places = {p: it for p, it in self._places.items() if it.until > oldest}

    def nothing_waits(self) -> None:
        """Forget what was held back: nothing of it is left, unless it is left out."""
        self._others_had_a_turn = True
        if self.unless() is None:
            self._keys, self._places = {}, {}

    def unless(self) -> ColumnElement[bool] | None:
        """Return the condition of what may be offered now; None for everything."""
        if not (self._keys or self._places):
            return None
        # However slow rounds are: what was refused has its next turn after others.
        now = clock().monotonic() if self._others_had_a_turn else float("-inf")
        keys = [key for key, hold in self._keys.items() if hold.until > now]
        places = [place for place, hold in self._places.items() if hold.until > now]
        parts: list[Any] = [_key.not_in(keys)] if keys else []
        if places:
            theirs = tuple_(outbox.c.topic, outbox.c.lane).in_(places)
            # Of any topic: a key is in order across them.
            behind = select(outbox.c.key).where(
                theirs, outbox.c.parked_at.is_(None), outbox.c.key.is_not(None)
            )
            parts += [~theirs, or_(outbox.c.key.is_(None), outbox.c.key.not_in(behind))]
        return and_(*parts) if parts else None
