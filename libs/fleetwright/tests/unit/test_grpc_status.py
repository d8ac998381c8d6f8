"""What the metadata of a call's end means."""

import grpc
import pytest
from grpc import aio

from fleetwright import Unavailable
from fleetwright.grpc._status import PUSHBACK, meant
from fleetwright.resilience import Attempt


@pytest.mark.parametrize(
    ("text", "seconds", "pushback"),
    [("250", 0.25, False), ("9" * 400, None, True), ("-1", None, True)],
)
def test_a_pushback_past_all_time_means_never(
    text: str, seconds: float | None, pushback: bool
) -> None:
    """As what cannot be read does."""
    attempt = Attempt(1)
    trailing = aio.Metadata((PUSHBACK, text))
    ended = aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, aio.Metadata(), trailing)

    error = meant(ended, attempt, "echo", "/Echo/Say")

    assert isinstance(error, Unavailable)
    assert error.retry_after_seconds == seconds
    assert attempt.pushback == pushback
