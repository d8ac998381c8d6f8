"""Waiting until nothing is on its way any more."""

import asyncio
from collections.abc import Callable

from shop_replay.records import Leftovers

LOOKS_AT_REST = 3
LOOK_SECONDS = 0.3


async def settled(
    look: Callable[[], Leftovers],
    *,
    bound_seconds: float = 180.0,
    look_seconds: float = LOOK_SECONDS,
) -> list[str]:
    """Return what is not at rest when everything is, or when time is up.

    The databases are read one after the other while the services work: an event can
    slip from one to the other unseen. At rest is what looks so several times in a row.

    Args:
        look: Reads what is left.
        bound_seconds: Longest wait, in seconds.
        look_seconds: Time between two looks, in seconds.

    Returns:
        What is left, in words; empty when the fleet is at rest.
    """
    words: list[str] = []
    calm = 0
    try:
        async with asyncio.timeout(bound_seconds):
            while calm < LOOKS_AT_REST:
                words = (await asyncio.to_thread(look)).words()
                calm = 0 if words else calm + 1
                if calm < LOOKS_AT_REST:
                    await asyncio.sleep(look_seconds)
    except TimeoutError:
        return words or ["it never looked at rest for long enough"]
    return []
