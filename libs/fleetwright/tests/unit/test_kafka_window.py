"""The messages of one window: nothing overtakes a refused one of its key."""

from fleetwright.events._envelope import MOST_BODY_BYTES, Message
from fleetwright.events.brokers._kafka_producer import Fate
from fleetwright.events.brokers._kafka_window import Window


def message(number: int, key: str | None, size: int = 1, topic: str = "t") -> Message:
    """Return a message of a size."""
    return Message(str(number), topic, key, {}, b" " * size)


def test_what_is_too_large_or_has_no_topic_is_refused_with_what_follows() -> None:
    """Other keys are sent; messages without a key hold nothing back."""
    window = Window(
        [
            message(0, "a"),
            message(1, "a", MOST_BODY_BYTES + 1),
            message(2, "a"),
            message(3, "b", topic="bad"),
            message(4, None, topic="bad"),
            message(5, None),
            message(6, "b"),
        ]
    )

    window.refuse_early({"bad": "no such topic"})

    assert window.unsettled() == [0, 5]
    refused = [fate.refused for fate in window.fates()]
    assert refused[1] == f"the body has {MOST_BODY_BYTES + 1} bytes"
    assert refused[2] == refused[6] == "an earlier event of its key was refused"
    assert refused[3] == refused[4] == "no such topic"


def test_what_was_never_sent_is_unknown() -> None:
    """Neither kept nor refused: its publisher tries again."""
    window = Window([message(0, "a"), message(1, "a")])

    window.learn(0, Fate(confirmed=True))

    first, second = window.fates()
    assert first.confirmed
    assert second.unknown
