"""What services answer about their events, in words."""

import time
from datetime import UTC, datetime
from typing import Any

from fleetwright_cli.local._bus_words import stuck_table


def stuck(next_at: str | None) -> dict[str, Any]:
    """Return a parked event as a service tells it."""
    return {
        "id": "019a",
        "service": "stock",
        "topic": "orders.placed",
        "key": None,
        "standing": "waiting",
        "attempts": 2,
        "next_at": next_at,
        "behind": 0,
        "error": None,
    }


def test_next_try_is_told_as_a_span() -> None:
    """Moments come as ISO 8601; a person reads how long it is until then."""
    soon = datetime.fromtimestamp(time.time() + 3700, UTC).isoformat()

    later, now, never = stuck_table(
        [stuck(soon), stuck("2026-01-01T00:00:00+00:00"), stuck(None)]
    ).splitlines()[1:]

    assert "in 1 h 1 min" in later
    assert "  now  " in now
    assert "now" not in never
