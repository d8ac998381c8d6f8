"""Fleets that are set up at one time do not get into one another's way."""

from fleetwright_cli.drills._stage import _free_ports


def test_ports_that_were_given_are_not_given_again() -> None:
    """Not even before anybody listens on them, which takes a service seconds."""
    given = {_free_ports() for _ in range(3)}

    assert len(given) == 3
