"""Whether and when a process is started again."""

from fleetwright_cli.local._backoff import Again, Backoff, GiveUp, Timings


def test_waits_double_up_to_the_longest() -> None:
    """Half a second first, then twice as long each time, 30 s at most."""
    backoff = Backoff(Timings())

    waits = [backoff.ended(exit_code=1, ready_for_seconds=1.0) for _ in range(8)]

    expected = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert waits == [Again(seconds) for seconds in expected]


def test_ten_ready_seconds_make_the_wait_short_again() -> None:
    """A crash once a day is not punished for those of last week."""
    backoff = Backoff(Timings())
    backoff.ended(exit_code=1, ready_for_seconds=1.0)
    backoff.ended(exit_code=1, ready_for_seconds=1.0)

    assert backoff.ended(exit_code=1, ready_for_seconds=10.0) == Again(0.5)


def test_failed_starts_count_only_in_a_row() -> None:
    """Having been ready once in between, a process is tried on."""
    backoff = Backoff(Timings())
    backoff.ended(exit_code=1, ready_for_seconds=None)
    backoff.ended(exit_code=1, ready_for_seconds=None)
    backoff.ended(exit_code=1, ready_for_seconds=0.1)
    backoff.ended(exit_code=1, ready_for_seconds=None)
    backoff.ended(exit_code=1, ready_for_seconds=None)

    verdict = backoff.ended(exit_code=1, ready_for_seconds=None)

    assert verdict == GiveUp("3 failed starts in a row")


def test_an_order_makes_everything_forgotten() -> None:
    """`fleet restart` gives three new tries."""
    backoff = Backoff(Timings())
    for _ in range(3):
        backoff.ended(exit_code=1, ready_for_seconds=None)

    backoff.reset()

    assert backoff.ended(exit_code=1, ready_for_seconds=None) == Again(0.5)
