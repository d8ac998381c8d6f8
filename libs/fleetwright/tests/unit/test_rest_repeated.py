"""Calls that are sent again, and the keys that make it safe."""

from datetime import UTC, datetime
from email.utils import format_datetime
from uuid import RFC_4122, UUID

import pytest
from rest_things import ID, Thing, Wire, answer, client

from fleetwright._problem import problem_of
from fleetwright.errors import Unavailable
from fleetwright.resilience import Pipeline, Retry, Timeout
from fleetwright.rest._exchange import new_key
from fleetwright.testing import FakeClock


async def test_failure_that_passes_is_not_seen(clock: FakeClock) -> None:
    """A read is sent again after a 503 and after a lost connection."""
    wire = Wire(answer(503), Unavailable("lost", reason="reset"))

    assert await client(wire).find("1") is not None
    assert len(wire.sent) == 3


async def test_post_without_a_key_is_sent_once(clock: FakeClock) -> None:
    """It may have been done."""
    wire = Wire(Unavailable("lost", reason="reset"))

    with pytest.raises(Unavailable) as caught:
        await client(wire).add(Thing(sku="1"))

    assert len(wire.sent) == 1
    assert "stopped by: not_idempotent" in caught.value.__notes__[0]


async def test_post_with_a_key_is_sent_again_with_the_same_key(
    clock: FakeClock,
) -> None:
    """The provider can tell that it is the same call."""
    wire = Wire(Unavailable("lost", reason="reset"), answer(502))

    await client(wire).add(Thing(sku="1"), key=ID)

    assert [one.headers["Idempotency-Key"] for one in wire.sent] == [str(ID)] * 3


async def test_post_that_was_left_alone_is_sent_again(clock: FakeClock) -> None:
    """`Fleet-Not-Processed: 1` says that nothing was done."""
    wire = Wire(answer(503, fleet_not_processed="1"))

    await client(wire).add(Thing(sku="1"))

    assert len(wire.sent) == 2


async def test_provider_may_ask_not_to_be_called_again(clock: FakeClock) -> None:
    """`Fleet-Retry: no` ends the call."""
    wire = Wire(answer(503, fleet_retry="no"))

    with pytest.raises(Unavailable):
        await client(wire).find("1")

    assert len(wire.sent) == 1


async def test_retry_after_is_waited_for(clock: FakeClock) -> None:
    """Seconds and dates; at least that long, at most a tenth longer."""
    later = datetime.fromtimestamp(clock.now() + 3, UTC)
    wire = Wire(
        answer(429, retry_after="2"),
        answer(503, retry_after=format_datetime(later, usegmt=True)),
    )
    patient = Pipeline("shelf", Timeout(60), Retry(3))

    await client(wire, patient).find("1")

    assert 3.0 <= clock.elapsed_seconds <= 3.5
    assert len(wire.sent) == 3


async def test_retry_after_that_says_nothing_is_left_aside(clock: FakeClock) -> None:
    """A malformed header is no header."""
    wire = Wire(answer(503, retry_after="soon"), answer(503, retry_after="-5"))

    await client(wire).find("1")

    assert clock.elapsed_seconds < 0.2


async def test_retry_after_past_all_time_is_left_aside(clock: FakeClock) -> None:
    """It must not become a number that cannot be told on."""
    wire = Wire(*(answer(503, retry_after="9" * 400) for _ in range(3)))

    with pytest.raises(Unavailable) as caught:
        await client(wire).find("1")

    assert caught.value.retry_after_seconds is None
    assert problem_of(caught.value).status == 503


async def test_provider_that_hangs_costs_the_limit_of_the_call(
    clock: FakeClock,
) -> None:
    """By default 2 seconds, of which an attempt takes at most one."""
    with pytest.raises(Unavailable) as caught:
        await client(Wire(60.0, 60.0, 60.0)).find("1")

    assert 1.9 < clock.elapsed_seconds <= 2.0
    assert caught.value.provider == "shelf"


async def test_call_that_makes_its_key_sends_it_in_every_attempt(
    clock: FakeClock,
) -> None:
    """One UUID of version 7 for a call; another for the next."""
    lost = Unavailable("lost", reason="reset")
    wire = Wire(answer(503), lost, answer(200), answer(200))
    things = client(wire)

    await things.offer(Thing(sku="1"))
    await things.offer(Thing(sku="1"))

    keys = [UUID(one.headers["Idempotency-Key"]) for one in wire.sent]
    assert len(keys) == 4
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert {(key.version, key.variant) for key in keys} == {(7, RFC_4122)}
    assert (keys[0].int >> 80) / 1000 == pytest.approx(clock.now(), abs=5)


async def test_key_of_the_caller_goes_before_one_of_our_own() -> None:
    """Who knows a better name for the request gives it."""
    wire = Wire(answer(200), answer(200))
    things = client(wire)

    await things.sell(Thing(sku="1"), key="sale-7")
    await things.sell(Thing(sku="1"))

    assert wire.sent[0].headers["Idempotency-Key"] == "sale-7"
    assert UUID(wire.sent[1].headers["Idempotency-Key"]).version == 7


def test_keys_are_sorted_by_time_and_never_the_same() -> None:
    """A store of keys grows at one end."""
    keys = [new_key() for _ in range(1000)]

    assert len(set(keys)) == 1000
    assert [key[:13] for key in keys] == sorted(key[:13] for key in keys)


async def test_caller_is_told_not_to_repeat_what_we_repeated(clock: FakeClock) -> None:
    """Three layers of three attempts must not become 27 sends."""
    things = client(Wire(*[answer(503)] * 3))
    with pytest.raises(Unavailable) as tried_again:
        await things.find("1")
    with pytest.raises(Unavailable) as sent_once:
        await client(Wire(answer(503))).add(Thing(sku="1"))

    assert problem_of(tried_again.value).headers["Fleet-Retry"] == "no"
    assert "Fleet-Retry" not in problem_of(sent_once.value).headers
