"""Whether every event of a service has had its effect, when load is over."""

import asyncio
from typing import Any

from fleetwright_cli.fleet import Service
from fleetwright_cli.local._bus import Asked
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._needs import imports_events

_LOOK_SECONDS = 0.5


async def waiting(
    service: Service, launch: Launch, patience_seconds: float
) -> list[str]:
    """Return what of a service's events still waits when it should not.

    Args:
        service: Whose events.
        launch: How an instance of it is started: it is asked with that environment.
        patience_seconds: How long events may be under way.
    """
    if not imports_events(service.folder):
        return []
    asked = Asked(
        service=service.name,
        target=service.app,
        python=launch.argv[0],
        folder=str(launch.folder),
        environment=launch.environment,
        runs=True,
    )
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_seconds
    while True:
        found = _told(await asyncio.to_thread(asked.answer, "topics"))
        if not found or loop.time() > until:
            return found
        await asyncio.sleep(_LOOK_SECONDS)


def _told(topics: Any) -> list[str]:
    """Return what waits, in words."""
    found = []
    for row in topics["outbox"]:
        for kind in ("pending", "refused"):
            if row[kind]:
                found.append(f"{row[kind]} {kind} in the outbox of {row['topic']}")
    for group in topics["groups"]:
        for row in group["parked"]:
            for kind in ("parked", "dead"):
                if row[kind]:
                    found.append(f"{row[kind]} {kind} of {row['topic']}")
        backlog = group.get("backlog") or {}
        if backlog.get("total"):
            found.append(f"{backlog['total']} not heard by {group['group']}")
    return found
