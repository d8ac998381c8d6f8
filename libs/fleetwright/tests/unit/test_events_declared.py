"""Events, envelopes, subscriptions and redelivery, as declared."""

from random import Random
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import _crash
from fleetwright._context import bind, new_call
from fleetwright.errors import DeclarationError, FleetwrightError
from fleetwright.events import Event, Redelivery, Subscriptions, connect, step_key
from fleetwright.events._envelope import (
    MOST_BODY_BYTES,
    Message,
    Undecodable,
    decode,
    encode,
    hearing,
    lane_of,
)
from fleetwright.events.brokers._embedded import EmbeddedBroker


class Placed(Event, topic="orders.placed"):
    """An order was placed."""

    order_id: str
    pence: int = 0


class PlacedAgain(Event, topic="orders.placed", version=2):
    """The same with another version."""

    order_id: str


class Tick(Event, topic="clock.tick", key=None):
    """Something without order."""

    at: int = 0


async def nothing(event: Event, transaction: AsyncSession) -> None:
    """React by doing nothing."""


def test_the_first_field_is_the_key() -> None:
    """Unless another one is named, events of one first field keep their order."""
    assert Placed(order_id="7").ordering_key() == "7"
    assert Tick().ordering_key() is None


@pytest.mark.parametrize(
    ("keywords", "mend"),
    [
        ({}, "topic="),
        ({"topic": "Orders"}, "topic="),
        ({"topic": "a.b", "version": 0}, "version=1"),
        ({"topic": "a.b", "key": "nowhere"}, "one of: n"),
        ({"topic": "a.b", "topics": 1}, "topic, version, key"),
    ],
)
def test_a_wrong_declaration_fails_at_import(
    keywords: dict[str, object], mend: str
) -> None:
    """A misspelt class keyword is told where it stands, with what is right."""
    with pytest.raises(DeclarationError, match=mend):
        type("Wrong", (Event,), {"__annotations__": {"n": int}}, **keywords)


def test_an_event_survives_the_wire() -> None:
    """What is decoded is what was encoded, with CloudEvents attributes around it."""
    message = encode(Placed(order_id="7", pence=5), source="orders")

    assert decode(message, Placed) == Placed(order_id="7", pence=5)
    assert UUID(message.id).version == 7
    assert message.headers["source"] == "/orders"
    assert message.headers["partitionkey"] == message.key == "7"
    assert message.lane == lane_of("7")


def test_an_event_carries_the_call_and_the_cause() -> None:
    """Trace, call id and the event that was being handled travel along."""
    cause = encode(Placed(order_id="7"), source="orders")

    with bind(new_call("payments", id="call-1")) as call, hearing(cause):
        message = encode(Tick(), source="payments")

    assert message.headers["correlationid"] == "call-1"
    assert message.headers["causationid"] == cause.id
    assert message.headers["traceparent"] == call.traceparent


def test_events_without_a_key_have_an_order_of_their_own() -> None:
    """Nothing waits behind an event without a key."""
    one, two = encode(Tick(), source=""), encode(Tick(), source="")

    assert one.order_key != two.order_key


def test_another_version_is_not_read() -> None:
    """A reader of version 2 does not guess at version 1."""
    message = encode(Placed(order_id="7"), source="orders")

    with pytest.raises(Undecodable, match=r"wants '/events/orders\.placed/2'"):
        decode(message, PlacedAgain)


def test_a_body_that_is_not_as_declared_names_the_field() -> None:
    """The error says which field and why, not the value."""
    good = encode(Placed(order_id="7"), source="orders")
    message = Message(good.id, good.topic, good.key, good.headers, b'{"order_id": 5}')

    with pytest.raises(Undecodable, match="order_id is not as declared"):
        decode(message, Placed)


def test_an_event_that_is_too_large_is_refused_where_it_is_published() -> None:
    """256 KiB is the most a broker carries."""
    with pytest.raises(FleetwrightError, match="more than"):
        encode(Placed(order_id="x" * MOST_BODY_BYTES), source="orders")


def test_a_step_has_the_same_key_at_every_delivery() -> None:
    """A callee can tell the repetition of one step, and tells steps apart."""
    message = encode(Tick(), source="")

    with hearing(message):
        first, other = step_key("charge"), step_key("mail")
    with hearing(message):
        again = step_key("charge")

    assert first == again != other
    with pytest.raises(FleetwrightError, match="no event is being handled"):
        step_key("charge")


def test_the_waits_grow_and_then_it_is_dead() -> None:
    """1 s, 5 s, 30 s, 2 min, 10 min, hourly; 20 % more or less; then never."""
    redelivery, random = Redelivery(), Random(7)  # noqa: S311 - no secret

    waits = [redelivery.wait_seconds(n, random) for n in range(1, 10)]

    expected = (1, 5, 30, 120, 600, 3600, 3600, 3600)
    for wait, middle in zip(waits, expected, strict=False):
        assert wait is not None
        assert 0.8 * middle <= wait <= 1.2 * middle
    assert waits[8] is None


@pytest.mark.parametrize(
    "values", [{"attempts": 0}, {"first_seconds": 0}, {"on_dead": "explode"}]
)
def test_a_schedule_that_makes_no_sense_fails_at_import(
    values: dict[str, object],
) -> None:
    """Wrong numbers and words are told with the right ones."""
    with pytest.raises(DeclarationError, match="hint:"):
        Redelivery(**values)  # type: ignore[arg-type]


def test_subscriptions_know_their_topics() -> None:
    """What is declared is what is heard."""
    subscriptions = Subscriptions()
    subscriptions.on(Tick)(nothing)
    subscriptions.on(Placed, redelivery=Redelivery(attempts=2))(nothing)

    assert subscriptions.topics == ("clock.tick", "orders.placed")
    assert [one.redelivery.attempts for one in subscriptions] == [9, 2]
    assert subscriptions.find("other") is None


def test_a_topic_has_one_reaction() -> None:
    """Two reactions would be two transactions for one event."""
    subscriptions = Subscriptions()
    subscriptions.on(Placed)(nothing)

    with pytest.raises(DeclarationError, match="has a reaction already: nothing"):
        subscriptions.on(Placed)(nothing)


@pytest.mark.parametrize("wrong", [lambda event: None, lambda event, tx: None])
def test_a_reaction_of_the_wrong_shape_fails_at_import(wrong: object) -> None:
    """Only `async def f(event, transaction)` can react."""
    with pytest.raises(DeclarationError, match="async def f"):
        Subscriptions().on(Placed)(wrong)  # type: ignore[arg-type]


def test_only_events_can_be_heard() -> None:
    """Anything else is told at import."""
    with pytest.raises(DeclarationError, match="is not an event"):
        Subscriptions().on(int)(nothing)  # type: ignore[arg-type,type-var]


def test_the_scheme_picks_the_broker() -> None:
    """Three slashes for the working directory, four for anywhere."""
    relative, absolute = connect("embedded:///b.db"), connect("embedded:////data/b.db")

    assert isinstance(relative, EmbeddedBroker)
    assert isinstance(absolute, EmbeddedBroker)
    assert (relative.path, absolute.path) == ("b.db", "/data/b.db")
    assert connect("memory://shop") is connect("memory://shop")
    assert connect("memory://") is not connect("memory://")


@pytest.mark.parametrize("url", ["", "embedded://b.db", "embedded:///", "nats://x"])
def test_a_url_that_names_no_broker_is_told(url: str) -> None:
    """The error shows the three that do."""
    with pytest.raises(FleetwrightError, match="memory://name"):
        connect(url)


def test_crash_points_are_off_unless_asked_for() -> None:
    """Without FLEET_CRASH_POINTS no place kills."""
    _crash.point("relay.after_publish")
