"""Leases of the embedded broker, when the time of day is put back or a member slept."""

from pathlib import Path

import pytest

from fleetwright._clock import SystemClock, use_clock
from fleetwright.events._envelope import Message
from fleetwright.events.brokers._embedded import EmbeddedBroker
from fleetwright.events.brokers._embedded_file import EmbeddedFile

TOPICS = ["orders.placed"]


class Moved(SystemClock):
    """A clock whose time of day was moved.

    Attributes:
        by_seconds: How far.
    """

    by_seconds = 0.0

    def now(self) -> float:
        """Return the time of day, moved."""
        return super().now() + self.by_seconds


@pytest.mark.parametrize("by_seconds", [3600.0, -3600.0])
def test_lanes_of_the_dead_are_free_whatever_the_clock_says(
    by_seconds: float, tmp_path: Path
) -> None:
    """A lease that ends further ahead than one can is over; so is such a member."""
    file = EmbeddedFile(f"{tmp_path}/b.db")
    file.subscribe("bank", TOPICS)
    owned, _, _ = file.tend("bank", "dead", may_release=True)
    with use_clock(Moved()) as clock:
        assert isinstance(clock, Moved)
        clock.by_seconds = by_seconds

        taken, _, _ = file.tend("bank", "heir", may_release=True)

    assert (len(owned), len(taken)) == (16, 16)
    assert all(taken[lane] > owned[lane] for lane in owned)
    file.close()


async def test_member_that_slept_past_its_lease_gives_out_nothing_more(
    tmp_path: Path,
) -> None:
    """What could not be acknowledged is looked at anew before it is handed out."""
    path = f"{tmp_path}/b.db"
    broker = EmbeddedBroker(path)
    await broker.open()
    slept = await broker.subscribe("bank", TOPICS)
    await broker.publish([Message("id-1", TOPICS[0], "key", {}, b"{}")])
    in_hand = await slept.receive(10)
    thief = EmbeddedFile(path)
    with use_clock(Moved()) as clock:
        assert isinstance(clock, Moved)
        clock.by_seconds = 3600.0
        thief.tend("bank", "heir", may_release=True)

    await slept.acknowledge(in_hand)
    assert slept._lanes_changed  # type: ignore[attr-defined]
    pending = thief.read("bank", dict.fromkeys(range(16), 2), 10)

    assert [one.message.id for one in pending] == ["id-1"]
    thief.close()
    await slept.close()
    await broker.close()
