"""The threads of FastAPI's `def` handlers, as a part that tells when they are full."""

import asyncio
from typing import Final

import anyio.to_thread

from fleetwright.errors import FleetwrightError

_FULL_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.1


class SyncHandlers:
    """Makes readiness say no while calls wait for a thread for a whole second."""

    async def check(self) -> None:
        """Look for a second whether calls always wait for a thread.

        Raises:
            FleetwrightError: They do.
        """
        limiter = anyio.to_thread.current_default_thread_limiter()
        for _ in range(round(_FULL_SECONDS / _LOOK_SECONDS)):
            if not limiter.statistics().tasks_waiting:
                return
            await asyncio.sleep(_LOOK_SECONDS)
        full = limiter.statistics()
        if full.tasks_waiting:
            raise FleetwrightError(
                f"all {full.total_tokens:g} threads are busy,"
                f" {full.tasks_waiting} calls wait",
                hint="make handlers that wait `async def`, or do less in them",
            )

    async def facts(self) -> dict[str, object]:
        """Return how busy the threads are.

        Returns:
            `most`, `busy` and `waiting` (calls that wait for a thread).
        """
        now = anyio.to_thread.current_default_thread_limiter().statistics()
        return {
            "most": now.total_tokens,
            "busy": now.borrowed_tokens,
            "waiting": now.tasks_waiting,
        }
