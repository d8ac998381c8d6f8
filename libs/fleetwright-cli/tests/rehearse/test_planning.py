"""What one request costs is measured, and what many need is reckoned from it."""

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.capacity import (
    Costs,
    Limits,
    Needs,
    ServiceCost,
    checked,
    costs_of,
    keep,
    needs_at,
    read_kept,
)
from fleetwright_cli.capacity._measuring import Use, Window

if TYPE_CHECKING:
    from pathlib import Path

    from rehearse.conftest import Rates

USE = Use(0.05, 60_000_000, 12, 0.0, 0.0, 0.020, 0.0, 0.0)
COST = ServiceCost(0.01, 0.005, 60_000_000, 12, 1000.0, 1.0, 0.020, 0.0, 0.0)


def window(rate: float, cpu: float) -> Window:
    """Return a window in which orders used some CPU."""
    return Window(rate, 0, {"orders": replace(USE, cpu=cpu, calls=rate)})


def needs(
    rate: float, *, stored: frozenset[str] = frozenset(), **costs: ServiceCost
) -> Needs:
    """Return what a rate needs."""
    found = Costs("orders", [4.0, 12.0], costs)
    return needs_at(found, rate, Limits(), least={"orders": 2}, with_database=stored)


def test_cost_is_the_line_through_what_was_measured() -> None:
    """What is used without load is no part of what a request costs."""
    found = costs_of("orders", [window(0, 0.02), window(10, 0.12), window(20, 0.22)])

    cost = found.services["orders"]
    assert cost.cpu == pytest.approx(0.010)
    assert cost.idle_cpu == pytest.approx(0.02)
    assert cost.calls == pytest.approx(1.0)
    assert found.rates == [10, 20]
    assert cost.cores_at(50) == pytest.approx(0.52)


def test_third_rate_tells_how_far_off_it_is() -> None:
    """A quarter is tolerated, more is told."""
    found = costs_of("orders", [window(0, 0.02), window(10, 0.12), window(20, 0.22)])

    near, far = checked(found, window(30, 0.30)), checked(found, window(30, 0.60))

    assert (near[0].service, near[0].is_close) == ("all", True)
    assert near[0].error == pytest.approx(0.02 / 0.30)
    assert not far[0].is_close
    assert far[1].service == "orders"


def test_cpu_decides_how_many_replicas_there_are() -> None:
    """60 % of a core each, less what one uses when idle."""
    one = needs(1000, orders=COST).services[0]

    assert (one.replicas, one.because) == (9, "cpu")
    assert one.cores == pytest.approx(5 + 9 * 0.01)
    assert one.memory == 9 * 60_000_000
    assert needs(1000, orders=COST).bottleneck == "CPU of orders"


def test_calls_that_wait_need_places() -> None:
    """A call that takes a second and no CPU still takes a place of eight."""
    slow = replace(COST, cpu=0.0001, call_seconds=1.0)

    found = needs(48, orders=slow)

    assert (found.services[0].replicas, found.services[0].because) == (10, "places")
    assert found.bottleneck == "calls at a time of orders"


def test_little_load_needs_the_fewest_replicas() -> None:
    """As fleet.toml says."""
    found = needs(1, orders=COST)

    assert (found.services[0].replicas, found.services[0].because) == (2, "least")
    assert found.bottleneck.startswith("nothing")


def test_lanes_of_a_queue_give_out() -> None:
    """More consumers than lanes have nothing to hear."""
    hearing = replace(COST, calls=0.0, events=2.0, event_seconds=0.01)

    found = needs(10_000, orders=COST, payments=hearing)

    assert found.events == 20_000
    assert found.brokers == 2
    assert found.bottleneck == (
        "payments hears on 334 lanes, a queue of RabbitMQ has 16"
    )


def test_connections_of_a_database_give_out() -> None:
    """Each process may open its whole pool."""
    found = needs(5000, stored=frozenset({"orders"}), orders=COST)

    assert found.services[0].pool == found.services[0].replicas * 21 > 500
    assert "the database of orders" in found.bottleneck


def test_costs_are_kept(tmp_path: "Path") -> None:
    """What was measured is reckoned with later; nothing measured is told."""
    with pytest.raises(FleetError, match="was not measured"):
        read_kept(tmp_path)
    costs = Costs("orders", [4.0, 12.0], {"orders": COST})

    keep(tmp_path, costs)

    assert read_kept(tmp_path) == costs


def test_command_measures_a_fleet_and_reckons(rates: "Rates") -> None:
    """10 ms of CPU a request are found, and ten times the load needs more."""
    rates.say("works")

    measured = plan(rates, "rates", "--measure", "--rates", "10,20,30")
    later = plan(rates, "--rate", "3000")
    wrong = plan(rates, "rates", "--measure", "--rates", "3,2,1")

    assert measured.returncode in {0, 1}, measured.stderr
    document = json.loads(measured.stdout)
    cost = document["costs"]["services"]["rates"]
    # Wide: what is under way when a window ends counts in the next one.
    assert 0.004 < cost["cpu"] < 0.04
    assert 0.4 < cost["calls"] < 2.5
    assert [one["service"] for one in document["checks"]] == ["all", "rates"]
    assert len(document["needs"]) == 3
    need = json.loads(later.stdout)["needs"][0]
    assert need["services"][0]["replicas"] > 15
    assert need["bottleneck"] == "CPU of rates"
    assert (wrong.returncode, "are not three rates" in wrong.stderr) == (2, True)


def plan(rates: "Rates", *words: str) -> "subprocess.CompletedProcess[str]":
    """Run `fleet plan` in the fleet."""
    return subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", "plan", *words, "--json"]
        + (["--seconds", "2"] if "--measure" in words else []),
        cwd=rates.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
