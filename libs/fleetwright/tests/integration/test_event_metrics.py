"""What OpenTelemetry is told of events, read by its own SDK in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("metered.py")
MOST_ATTRIBUTES = 4


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """Return every metric of a run, with its unit and its points."""
    folder = tmp_path_factory.mktemp("measured")
    done = subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


def by(points: list[Any], *names: str) -> dict[tuple[str, ...], int]:
    """Return how often each combination of attributes was counted."""
    return {
        tuple(attributes.get(name, "") for name in names): number
        for attributes, number, _ in points[1:]
    }


def test_deliveries_are_counted_by_outcome(measured: dict[str, list[Any]]) -> None:
    """Handled, parked and dead, each under the group and the topic."""
    counted = by(measured["fleetwright.events.handled"], "group", "topic", "outcome")

    assert counted == {
        ("tills", "shops.sold", "handled"): 1,
        ("tills", "shops.sold", "parked"): 2,
        ("tills", "shops.odd", "dead"): 1,
    }


def test_second_tries_are_counted_by_outcome(measured: dict[str, list[Any]]) -> None:
    """One went well at its second try, one was given up."""
    counted = by(measured["fleetwright.events.redelivered"], "topic", "outcome")

    assert counted == {("shops.sold", "handled"): 1, ("shops.sold", "dead"): 1}


def test_what_was_sent_and_processed_has_the_names_of_opentelemetry(
    measured: dict[str, list[Any]],
) -> None:
    """Counts and durations by destination; failures by the class of the error."""
    sent = by(measured["messaging.client.sent.messages"], "messaging.destination.name")
    durations = measured["messaging.process.duration"]
    processed = by(durations, "messaging.destination.name", "error.type")

    assert sent == {("shops.sold",): 3, ("shops.odd",): 1}
    assert processed == {
        ("shops.sold", ""): 1,
        ("shops.sold", "ValueError"): 2,
        ("shops.odd", "Undecodable"): 1,
    }
    assert durations[0] == "s"
    assert all(0 < total < 60 for _, _, total in durations[1:])


def test_age_is_measured_once_for_each_event_that_was_handled(
    measured: dict[str, list[Any]],
) -> None:
    """From the time of its envelope to the commit, retries included."""
    ages = measured["fleetwright.events.age"]

    assert ages[0] == "s"
    assert by(ages, "group", "topic") == {("tills", "shops.sold"): 2}
    assert all(0 < total < 60 for _, _, total in ages[1:])


def test_gauges_say_what_waits(measured: dict[str, list[Any]]) -> None:
    """Dead ones by topic; nothing is pending, nothing lags."""
    dead = by(measured["fleetwright.events.dead"], "group", "topic")

    assert dead == {("tills", "shops.sold"): 1, ("tills", "shops.odd"): 1}
    for name in ("outbox.pending", "outbox.refused", "outbox.oldest_age"):
        assert by(measured[f"fleetwright.{name}"]) == {(): 0}
    assert by(measured["fleetwright.events.lag"], "group") == {("tills",): 0}


def test_batches_are_measured(measured: dict[str, list[Any]]) -> None:
    """Four events in one commit are carried in a batch or two."""
    ((_, batches, events),) = measured["fleetwright.outbox.batch_size"][1:]

    assert events == 4
    assert 1 <= batches <= 4


def test_no_metric_of_events_has_many_attributes(
    measured: dict[str, list[Any]],
) -> None:
    """Four at most, or whoever keeps them pays for every combination."""
    many = {
        name
        for name, points in measured.items()
        for attributes, *_ in points[1:]
        if len(attributes) > MOST_ATTRIBUTES
    }

    assert many == set()
