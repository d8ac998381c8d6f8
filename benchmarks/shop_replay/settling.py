"""Waiting until nothing is on its way any more."""

import asyncio
from collections.abc import Callable

from shop_replay.records import Leftovers

LOOKS_AT_REST = 3
LOOKS_AT_SERVERS = 10  # RabbitMQ counts once a second: longer than that must be calm
LOOK_SECONDS = 0.3


async def settled(
    look: Callable[[], Leftovers],
    *,
    bound_seconds: float = 180.0,
    look_seconds: float = LOOK_SECONDS,
    looks: int = LOOKS_AT_REST,
) -> list[str]:
    """Return what is not at rest when everything is, or when time is up.

    The databases are read one after the other while the services work: an event can
    slip from one to the other unseen. At rest is what looks so several times in a row.

    Args:
        look: Reads what is left.
        bound_seconds: Longest wait, in seconds.
        look_seconds: Time between two looks, in seconds.
        looks: How many in a row must find all at rest.

    Returns:
        What is left, in words; empty when the fleet is at rest.
    """
    words: list[str] = []
    calm = 0
    try:
        async with asyncio.timeout(bound_seconds):
            while calm < looks:
                words = (await asyncio.to_thread(look)).words()
                calm = 0 if words else calm + 1
                if calm < looks:
                    await asyncio.sleep(look_seconds)
    except TimeoutError:
        return words or ["it never looked at rest for long enough"]
    return []
