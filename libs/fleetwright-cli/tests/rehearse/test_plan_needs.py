"""What a rate needs follows from what a request costs, and what gives out is named."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rehearse.planned import COST, costs

from fleetwright_cli.capacity import (
    Limits,
    Line,
    Model,
    Needs,
    ServiceCost,
    Site,
    bottleneck,
    ceilings,
    told_checks,
    told_needs,
)
from fleetwright_cli.capacity._ceilings import highest
from fleetwright_cli.capacity._checks import FLOORS, Check
from fleetwright_cli.capacity._reading import Carried
from fleetwright_cli.capacity._telling import short

STORED = Site(least=2, pool=21)
HEARING = replace(
    COST,
    callers={},
    effects=0.0,
    topics={"orders.placed": 0.5, "orders.paid": 1.5},
    event_seconds=0.01,
)
CARRIED = {"orders.placed": Carried(0.5, 300.0), "orders.paid": Carried(1.5, 600.0)}
UNHURRIED = settings(deadline=None, max_examples=50)
SMALL = st.floats(1e-6, 0.1)
SHARES = st.dictionaries(st.sampled_from(("outside", "a", "b", "c")), SMALL, max_size=3)
COSTS = st.builds(
    ServiceCost,
    cpu=st.builds(Line, st.floats(0, 0.5), SMALL),
    memory=st.floats(1e6, 1e9),
    sockets=st.floats(0, 50),
    written=st.builds(Line, st.floats(0, 1e4), st.floats(0, 1e4)),
    callers=SHARES,
    effects=st.floats(0, 0.3),
    call_seconds=SMALL,
    topics=SHARES,
    event_seconds=SMALL,
)
RATES = st.floats(0.1, 1e6)


def model(
    sites: dict[str, Site] | None = None,
    *,
    carried: dict[str, Carried] | None = None,
    limits: Limits | None = None,
    **services: ServiceCost,
) -> Model:
    """Return what needs of some services are reckoned from."""
    known = {name: Site() for name in services} | (sites or {})
    return Model(costs(carried, **services), limits or Limits(), known)


def needs(rate: float, sites: dict[str, Site] | None = None, **more: Any) -> Needs:
    """Return what a rate needs."""
    return model(sites, **more).at(rate)


def said(it: Model, rate: float) -> str:
    """Return what is said to be the bottleneck at a rate."""
    return bottleneck(it.at(rate), ceilings(it))


def test_cpu_decides_how_many_replicas_there_are() -> None:
    """60 % of a core each, less what one uses when idle: 5 cores / 0.59 are 9."""
    one = needs(1000, orders=COST).services[0]

    assert (one.replicas, one.because) == (9, "cpu")
    assert one.cores == pytest.approx(5 + 9 * 0.01)
    assert one.memory == 9 * 60e6
    under_way = 1000 / 9 * 0.020
    assert one.sockets == pytest.approx(9 * (12 + under_way + 3 * under_way**0.5))
    assert one.bytes == pytest.approx(9 * 100 + 1000 * 1000)
    assert said(model(orders=COST), 1000) == "CPU of orders"


def test_calls_that_wait_need_places() -> None:
    """A call that takes a second and no CPU still takes a place of eight."""
    slow = replace(COST, cpu=Line(0.01, 0.0001), call_seconds=1.0)

    found = needs(48, orders=slow).services[0]
    wide = needs(48, {"orders": Site(in_flight=64)}, orders=slow).services[0]

    assert (found.replicas, found.because) == (10, "places")
    assert wide.replicas == 2  # 48 / (0.6 * 64)
    assert said(model(orders=slow), 48) == "calls at a time of orders"


def test_little_load_needs_the_fewest_replicas() -> None:
    """As fleet.toml says."""
    it = model({"orders": Site(least=2)}, orders=COST)

    found = it.at(1).services[0]

    assert (found.replicas, found.because) == (2, "least")
    assert said(it, 1) == "nothing: the fewest replicas are enough"


def test_who_is_not_of_the_fleet_needs_nothing() -> None:
    """The issuer that stands in for another is not what one deploys."""
    it = Model(costs(orders=COST, issuer=COST), sites={"orders": Site()})

    assert [one.service for one in it.at(10).services] == ["orders"]


def test_lanes_of_a_queue_give_out() -> None:
    """20,000 events a second, 10 ms each, 60 % of a lane: 334 lanes, and 16 are."""
    it = model(orders=COST, payments=HEARING)

    found = {one.service: one for one in it.at(10_000).services}
    first = ceilings(it)[0]

    assert found["payments"].lanes == 334
    assert found["orders"].lanes == 0
    assert said(it, 10_000) == "payments: a queue of RabbitMQ has 16 lanes to hear on"
    assert first.rate == pytest.approx(16 * 0.6 / (2.0 * 0.01), rel=1e-3)
    assert "Kafka" in first.mend
    assert ceilings(model(limits=Limits(lanes=0), payments=HEARING)) == []


def test_who_only_hears_needs_a_lane_for_each_replica() -> None:
    """A consumer without one has nothing to do; who is called as well has."""
    heavy = replace(HEARING, cpu=Line(0.0, 0.06), event_seconds=1e-6)

    found = needs(100, notifications=heavy).services[0]
    called = needs(100, notifications=replace(heavy, callers=COST.callers))

    assert (found.replicas, found.lanes) == (10, 10)
    assert called.services[0].lanes == 1


def test_broker_takes_in_and_hands_out() -> None:
    """What two services hear goes out twice; a day has 86,400 seconds."""
    both: dict[str, Any] = {"stock": HEARING, "notifications": HEARING}

    found = needs(10_000, carried=CARRIED, **both).broker

    assert (found.taken, found.handed) == (20_000, 40_000)
    assert (found.bytes_in, found.bytes_out) == pytest.approx((9e6, 18e6))
    assert found.disk_a_day == pytest.approx(9e6 * 86_400)
    assert found.nodes == 4
    heavy = {topic: replace(one, bytes=1e5) for topic, one in CARRIED.items()}
    assert needs(1_000, carried=heavy, **both).broker.nodes == 6  # 600 MB/s


def test_connections_of_a_database_give_out() -> None:
    """Each process may open its whole pool: 23 of 21 are 483, 24 are too many."""
    it = model({"orders": STORED}, orders=COST)

    assert it.at(5000).services[0].pool == 43 * 21
    first = ceilings(it)[0]
    assert first.what == "its database takes 500 connections"
    assert first.rate == pytest.approx(23 * 0.59 / 0.005)
    assert said(it, 5000) == "orders: its database takes 500 connections"


def test_one_writer_of_a_database_gives_out() -> None:
    """Half a call, an event heard and one published a request: 2.5 commits."""
    site = {"orders": replace(STORED, publishes=frozenset({"orders.placed"}))}
    cost = replace(COST, topics={"payments.captured": 1.5}, event_seconds=1e-9)

    it = model(site, carried=CARRIED, limits=Limits(connections=10**9), orders=cost)

    assert it.at(100).services[0].commits == pytest.approx(250)
    first = ceilings(it)[0]
    assert first.rate == pytest.approx(5_000 / 2.5)
    assert "PostgreSQL writes 5,000 transactions" in first.what
    assert it.at(100).services[0].pool == 42
    assert needs(100, orders=cost).services[0].commits == 0  # it has no database


@UNHURRIED
@given(COSTS, RATES, st.floats(1, 100))
def test_more_load_needs_no_less(cost: ServiceCost, rate: float, more: float) -> None:
    """Of anything."""
    it = model({"orders": STORED}, carried=CARRIED, orders=cost)

    low, high = it.need("orders", rate), it.need("orders", rate * more)

    for name in ("replicas", "cores", "memory", "pool", "commits", "lanes", "bytes"):
        assert getattr(low, name) <= getattr(high, name) * (1 + 1e-9)


@UNHURRIED
@given(COSTS, RATES)
def test_replicas_bear_the_load(cost: ServiceCost, rate: float) -> None:
    """None is busier than it may be, and calls find a place."""
    it = model({"orders": STORED}, orders=cost)

    found = it.need("orders", rate)

    room = max(0.6 - cost.cpu.idle, 0.1)
    assert found.replicas >= 2
    assert found.replicas * room >= cost.cpu.each * rate * (1 - 1e-9)
    assert found.replicas * 8 * 0.6 >= found.in_flight * (1 - 1e-9)
    assert found.lanes * 0.6 >= cost.events * cost.event_seconds * rate * (1 - 1e-9)


@UNHURRIED
@given(st.dictionaries(st.sampled_from("abcd"), COSTS, min_size=1), RATES)
def test_what_is_called_is_what_callers_call(
    services: dict[str, Any], rate: float
) -> None:
    """Nothing is lost on the graph, and no event is heard that is not handed out."""
    it = model(carried=CARRIED, **services)

    found = it.at(rate)

    edges = [each for one in services.values() for each in one.callers.values()]
    assert sum(one.calls for one in found.services) == pytest.approx(sum(edges) * rate)
    heard = sum(one.events for one in found.services)
    assert found.broker.handed == pytest.approx(heard)
    assert found.cores == pytest.approx(sum(one.cores for one in found.services))


@UNHURRIED
@given(COSTS)
def test_ceiling_is_where_it_gives_out(cost: ServiceCost) -> None:
    """Just below it all is well, just above it that is used up."""
    it = model({"orders": STORED}, carried=CARRIED, orders=cost)

    for one in ceilings(it):
        below = it.need("orders", one.rate * (1 - 1e-6))
        above = it.need("orders", one.rate * (1 + 1e-6))
        if "connections" in one.what:
            assert below.pool <= 500 < above.pool
        elif "lanes" in one.what:
            assert below.lanes <= 16 < above.lanes
        else:
            assert below.commits <= 5_000 < above.commits


def test_highest_rate_has_ends() -> None:
    """What bears all has none, what bears nothing bears nothing."""
    assert highest(lambda _: True) == math.inf
    assert highest(lambda _: False) == 0.0
    assert highest(lambda rate: rate <= 12.5) == pytest.approx(12.5)


def test_ten_thousand_times_is_said_not_to_be_had() -> None:
    """What gives out first is named with its mend, and no line is too long."""
    sites = {"orders": STORED, "notifications": STORED}
    it = model(sites, carried=CARRIED, orders=COST, notifications=HEARING)

    lines = "\n".join(told_needs(it.at(8e6), ceilings(it))).splitlines()

    text = " ".join(line.strip() for line in lines)
    assert "8,000,000 requests a second:" in text
    assert "bottleneck: notifications: a queue of RabbitMQ has 16 lanes" in text
    assert "not to be had by more replicas:" in text
    assert "enough for so many requests a second: notifications 480." in text
    assert "Mend: put PgBouncer before it" in text
    assert max(map(len, lines)) <= 80
    little = " ".join(told_needs(it.at(1), ceilings(it)))
    assert "first to give out as it grows: notifications" in little
    assert "not to be had" not in little


def test_checks_are_told_a_service_a_line() -> None:
    """What is far off is named; a trifle is a dash."""
    of = {"CPU": (0.30, 0.31), "memory": (6e7, 6e7), "calls": (30.0, 15.0)}
    checks = [Check("orders", one, 30.0, *both) for one, both in of.items()]
    checks += [Check("orders", "events", 30.0, 0.0, 0.0)]
    checks += [Check("broker", "event bytes", 30.0, 9_000.0, 9_100.0)]

    lines = list(told_checks(checks))

    row = next(one for one in "\n".join(lines).splitlines() if "orders " in one)
    assert row.split()[:5] == ["orders", "0.300", "0.310", "-3%", "+0%"]
    assert row.split()[5:] == ["-", "-", "+100%", "-"]
    assert "broker: event bytes 9.0 kB/s beside 9.1 kB/s, -1%" in lines
    assert any("25% off: calls of orders" in one for one in lines)
    assert f"{FLOORS['CPU']:g} cores" in lines[-1]
    assert list(told_checks([])) == []


def test_who_fell_behind_is_told() -> None:
    """Events that wait cost nothing yet: such a rate tells nothing."""
    cpu = Check("orders", "CPU", 30.0, 0.3, 0.1)

    behind = list(told_checks([cpu, Check("orders", "events", 30.0, 9.0, 5.0)]))
    kept_up = list(told_checks([cpu, Check("orders", "events", 30.0, 9.0, 9.0)]))

    assert any("heard than came: orders." in one for one in behind)
    assert not any("heard than came" in one for one in kept_up)


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0, "", "0"),
        (7, "", "7"),
        (8.25, "", "8.2"),
        (999.6, "B", "1.0 kB"),
        (5_150, "B", "5.2 kB"),
        (107e6, "B", "107 MB"),
        (2.2e12, "B", "2.2 TB"),
        (41_100, "", "41.1k"),
    ],
)
def test_numbers_are_short(number: float, unit: str, text: str) -> None:
    """Four digits at most."""
    assert short(number, unit) == text
