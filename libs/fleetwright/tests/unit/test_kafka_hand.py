"""What is in hand of each partition of Kafka, and what of it may be committed."""

from hypothesis import given
from hypothesis import strategies as st

from fleetwright.events._broker import Delivery
from fleetwright.events._envelope import Message
from fleetwright.events.brokers._kafka_hand import MOST_WAITING, Hand

TOPIC = "orders.placed"


def message(number: int, size: int = 0) -> Message:
    """Return a message that says its number."""
    return Message(f"id-{number}", TOPIC, "k", {}, b" " * size)


def filled(count: int, lane: int = 3) -> Hand:
    """Return a hand with so many messages of one lane, from offset 100 on."""
    hand = Hand()
    hand.gain([(TOPIC, lane)])
    for number in range(count):
        hand.put(message(number), lane, 100 + number)
    return hand


def offsets(deliveries: list[Delivery]) -> list[int]:
    """Return where deliveries are."""
    return [it.position for it in deliveries]


@given(st.lists(st.sets(st.integers(0, 19)), max_size=6))
def test_only_what_is_done_without_a_gap_is_committed(rounds: list[set[int]]) -> None:
    """Whatever is done in whatever order, the offset is that of the first undone."""
    hand = filled(20)
    deliveries = hand.take(20)
    done: set[int] = set()

    for some in rounds:
        hand.finish([deliveries[place] for place in sorted(some, reverse=True)])
        done |= some
        first = next((n for n in range(20) if n not in done), 20)
        committed = hand.to_commit().get((TOPIC, 3))
        assert committed is None or committed == 100 + first
        left = [100 + n for n in range(20) if n not in done]
        assert offsets(hand.take(100)) == left


def test_what_was_taken_is_taken_again_until_it_is_done() -> None:
    """Nothing is forgotten by who fails to handle it."""
    hand = filled(5)

    first, again = hand.take(3), hand.take(3)

    assert offsets(first) == offsets(again) == [100, 101, 102]


def test_lost_partition_takes_all_that_is_in_hand_of_it_along() -> None:
    """It comes back empty, with another tenure; what is done of before is ignored."""
    hand = filled(5)
    before = hand.take(5)
    tenure = hand.lanes()[3]

    hand.lose([(TOPIC, 3)])
    assert hand.take(5) == []
    hand.put(message(9), 3, 109)
    assert hand.lanes() == {}
    hand.gain([(TOPIC, 3)])
    hand.put(message(1), 3, 101)
    hand.finish(before)

    assert offsets(hand.take(5)) == [101]
    assert hand.to_commit() == {}
    assert hand.lanes()[3] != tenure


def test_offset_is_committed_once_and_again_when_it_was_refused() -> None:
    """What Kafka did not take is offered again."""
    hand = filled(2)
    hand.finish(hand.take(1))

    assert hand.to_commit() == {(TOPIC, 3): 101}
    assert hand.to_commit() == {}
    hand.not_committed([(TOPIC, 3), (TOPIC, 4)])
    assert hand.to_commit() == {(TOPIC, 3): 101}


def test_full_partition_is_paused_until_there_is_room() -> None:
    """Memory is bounded by messages and by bytes; switching is not done too often."""
    hand = filled(MOST_WAITING)
    hand.gain([(TOPIC, 4)])
    for number in range(5):
        hand.put(message(number, size=256 * 1024), 4, number)

    assert sorted(hand.to_pause()) == [(TOPIC, 3), (TOPIC, 4)]
    assert hand.to_pause() == []
    hand.finish([it for it in hand.take(2) if it.lane == 3])
    assert hand.to_resume() == []
    while hand.has_some():
        hand.finish(hand.take(50))
    assert sorted(hand.to_resume()) == [(TOPIC, 3), (TOPIC, 4)]


def test_each_partition_has_its_share_of_what_is_taken() -> None:
    """A long backlog of one does not keep the others waiting."""
    hand = filled(200)
    hand.gain([(TOPIC, 5)])
    hand.put(message(1), 5, 1)

    taken = [hand.take(20) for _ in range(2)]

    assert all({it.lane for it in some} == {3, 5} for some in taken)
