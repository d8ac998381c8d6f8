"""A member of a Kafka group that is stuck is replaced."""

import asyncio
from collections.abc import Iterator

import pytest

from fleetwright.events.brokers._kafka_member import KafkaMember
from fleetwright.events.brokers._kafka_url import parse
from fleetwright.events.brokers._kafka_watch import KafkaWatch

NOWHERE = parse("kafka://127.0.0.1:1")


def nothing() -> None:
    """Do nothing."""


@pytest.fixture
def made() -> Iterator[list[KafkaMember]]:
    """Give the members that are made; their threads end with the test."""
    members: list[KafkaMember] = []
    yield members
    for member in members:
        member.leave()


def watch_over(made: list[KafkaMember]) -> KafkaWatch:
    """Return the watch over members that nobody lets in: there is no Kafka."""

    def make() -> KafkaMember:
        made.append(KafkaMember(NOWHERE, "group", "topic", nothing, nothing))
        return made[-1]

    return KafkaWatch(make)


async def turned(member: KafkaMember) -> None:
    """Wait until its thread has come round."""
    turns = member.turns
    async with asyncio.timeout(60):
        while member.turns == turns:  # noqa: ASYNC110 - another thread turns
            await asyncio.sleep(0.01)


async def test_member_that_nobody_lets_in_is_replaced(made: list[KafkaMember]) -> None:
    """After nine looks; before, the check tells of it."""
    watch = watch_over(made)
    watch.start()

    for look in range(8):
        await turned(watch.member)
        watch.look()
        assert (watch.reason() is not None) is (look > 0)
    assert len(made) == 1
    await turned(watch.member)
    watch.look()

    assert watch.member is made[1]
    await turned(watch.member)
    assert await asyncio.to_thread(made[0].wait, 10)


def test_member_whose_thread_stands_still_is_replaced(made: list[KafkaMember]) -> None:
    """After four looks; here it was never started."""
    watch = watch_over(made)

    for _ in range(4):
        watch.look()

    assert watch.member is made[1]
