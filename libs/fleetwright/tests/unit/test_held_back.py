"""What was refused for now is left out for a while, and forgotten once it is gone."""

from collections.abc import Iterator

import pytest

from fleetwright._clock import use_clock
from fleetwright.events import Event
from fleetwright.events._carrying import Row
from fleetwright.events._envelope import encode
from fleetwright.events._held_back import LONGEST_SECONDS, MOST_KEYS, HeldBack
from fleetwright.testing import FakeClock


class Sold(Event, topic="things.sold"):
    """A thing was sold."""

    thing: str


@pytest.fixture
def time() -> Iterator[FakeClock]:
    """Give the clock."""
    with use_clock(FakeClock()) as fake:
        assert isinstance(fake, FakeClock)
        yield fake


def row(thing: str) -> Row:
    """Return an event that waits, of a key of its own."""
    return Row(1, encode(Sold(thing=thing), source="shop"))


def refuse(held: HeldBack, *rows: Row, reason: str = "too large") -> None:
    """Have a broker refuse all of a batch."""
    held.learn(rows, {row.message.id: reason for row in rows})


def test_an_event_that_is_gone_is_forgotten_while_others_go_on(time: FakeClock) -> None:
    """Nothing of its key ever comes again: good events tell that all is well."""
    held = HeldBack()
    refuse(held, row("gone"))
    held.learn([row("good")], {})
    soon = held.reason

    time.advance(2 * LONGEST_SECONDS)
    held.learn([row("good")], {})

    assert soon == "too large"
    assert held.reason is None
    assert held.unless() is None


def test_what_is_refused_again_and_again_is_told_of_meanwhile(time: FakeClock) -> None:
    """And nothing else is: the reason is that of what is still held back."""
    held, waits = HeldBack(), row("waits")
    refuse(held, waits, reason="no room")
    told = []
    for n in range(5):
        time.advance(LONGEST_SECONDS)
        if n == 0:
            refuse(held, row("gone"))
        refuse(held, waits, reason="no room")
        held.learn([row("good")], {})
        told.append(held.reason)

    assert told[1:] == ["no room"] * 4


def test_keys_of_events_that_are_gone_take_up_no_room(time: FakeClock) -> None:
    """A later one is held back by its key, not with all of its lane."""
    held = HeldBack()
    refuse(held, *(row(f"gone-{n}") for n in range(MOST_KEYS)))
    time.advance(2 * LONGEST_SECONDS)
    held.learn([row("good")], {})
    refuse(held, row("later"))

    left_out = str(held.unless())

    assert "fleet_outbox.key" in left_out
    assert "fleet_outbox.lane" not in left_out
