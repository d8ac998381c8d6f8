"""How long a service that was told to stop goes on accepting."""

from typing import Any

import pytest

from fleetwright import Settings
from fleetwright._server import LAME_DUCK_SECONDS, lame_duck_seconds
from fleetwright._transport import KEEP_ALIVE_SECONDS


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"environment": "production"}, LAME_DUCK_SECONDS),
        ({"environment": "development"}, 0.0),
        ({"environment": "test"}, 0.0),
        ({"environment": "production", "lame_duck_seconds": 0.0}, 0.0),
        ({"environment": "development", "lame_duck_seconds": 2.0}, 2.0),
    ],
)
def test_production_has_time_and_developers_have_none(
    given: dict[str, Any], seconds: float
) -> None:
    """What is set holds everywhere."""
    assert lame_duck_seconds(Settings(**given)) == seconds


def test_no_client_of_ours_uses_a_connection_that_is_being_closed() -> None:
    """It forgets an idle one before the end of the time that it is told to leave."""
    assert KEEP_ALIVE_SECONDS < LAME_DUCK_SECONDS
