"""Metrics of a service, pushed over OTLP and read at `/metrics`."""

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
from fastapi import FastAPI
from flask import Flask
from httpx2 import AsyncClient
from opentelemetry import metrics
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from otlp_receiver import Receiver, attributes, receiving

from fleetwright import Service, Settings, _telemetry
from fleetwright._gauges import watch
from fleetwright._telemetry import _setup
from fleetwright.auth import public
from fleetwright.database import Database
from fleetwright.fastapi import mount
from fleetwright.flask import mount as mount_flask
from fleetwright.resilience import Bulkhead, CircuitBreaker, Pipeline, Retry, Timeout
from fleetwright.rest import get, rest
from fleetwright.testing import serving

SETTINGS = Settings(environment="test", auth="off")


def shop(name: str = "shop") -> FastAPI:
    """Return a shop with one route that may fail."""
    app = FastAPI()

    @app.get(f"/{name}/{{sku}}")
    async def look(sku: str) -> str:
        if sku == "gone":
            raise LookupError(sku)
        return sku

    return mount(app, Service(name, SETTINGS))


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Return a receiver that the environment names, and expose `/metrics`."""
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        monkeypatch.setenv("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        _telemetry.set_up("shop", SETTINGS)
        yield found
        _telemetry.tear_down()


def told(receiver: Receiver, name: str) -> Metric:
    """Return a metric, as it is now."""
    telemetry = _setup.telemetry()
    assert telemetry is not None
    telemetry.tell_metrics()
    return next(one for one in reversed(receiver.metrics) if one.name == name)


async def look(client: AsyncClient, *paths: str) -> None:
    """Ask for paths."""
    for path in paths:
        await client.get(path)


async def test_durations_are_told_by_route_and_status(receiver: Receiver) -> None:
    """Rate, errors and duration of each route, with the bounds of the standard."""
    async with serving(shop("pushed")) as client:
        await look(client, "/pushed/tea", "/pushed/cup", "/pushed/gone")

    metric = told(receiver, "http.server.request.duration")
    points = {
        attributes(point)["http.response.status_code"]: point
        for point in metric.histogram.data_points
        if attributes(point).get("http.route") == "/pushed/{sku}"
    }
    assert metric.unit == "s"
    assert {status: point.count for status, point in points.items()} == {200: 2, 500: 1}
    assert attributes(points[500])["error.type"] == "500"
    assert len(points[200].bucket_counts) == len(points[200].explicit_bounds) + 1
    assert sum(points[200].bucket_counts) == 2
    assert points[200].min <= points[200].max <= points[200].sum


async def test_a_measurement_names_its_trace(receiver: Receiver) -> None:
    """From a slow bucket one gets to a trace that was in it."""
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with serving(shop("traced")) as client:
        await client.get("/traced/tea", headers={"traceparent": traceparent})

    metric = told(receiver, "http.server.request.duration")
    (exemplar,) = (
        exemplar
        for point in metric.histogram.data_points
        for exemplar in point.exemplars
        if attributes(point).get("http.route") == "/traced/{sku}"
    )
    assert exemplar.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_prometheus_reads_the_same(receiver: Receiver) -> None:
    """`/metrics` has buckets that add up, the unit in the name, and the resource."""
    async with serving(shop("read")) as client:
        await look(client, "/read/tea", "/read/cup")
        answer = await client.get("/metrics")

    lines = answer.text.splitlines()
    said = (
        'http_request_method="GET",http_response_status_code="200",'
        'http_route="/read/{sku}"'
    )
    name = "http_server_request_duration_seconds"
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert f"# TYPE {name} histogram" in lines
    assert f'{name}_bucket{{{said},le="+Inf"}} 2' in lines
    assert f"{name}_count{{{said}}} 2" in lines
    assert any(line.startswith('target_info{service_name="shop"') for line in lines)


async def test_flask_answers_with_them_as_well(receiver: Receiver) -> None:
    """A Flask service has the same routes for those who watch it."""
    app = Flask("shop")

    @app.get("/flask")
    @public
    def index() -> str:
        return "well"

    async with serving(mount_flask(app, Service("vouchers", SETTINGS))) as client:
        await client.get("/flask")
        answer = await client.get("/metrics")

    assert 'http_route="/flask"' in answer.text


async def test_the_path_is_the_application_s_where_nobody_reads() -> None:
    """Without the variable `/metrics` is not answered by us."""
    async with serving(shop()) as client:
        answer = await client.get("/metrics")

    assert answer.status_code == 404


class Catalog(Protocol):
    """What is called."""

    @get("/v1/quotes")
    async def quotes(self) -> list[str]:
        """Return the quotes."""
        ...


def test_how_full_a_service_is_can_be_read(receiver: Receiver) -> None:
    """Calls in flight, guards by provider, connections by state."""
    service = Service("full", SETTINGS)
    guards = Pipeline(
        "catalog", Timeout(2), Retry(), CircuitBreaker(), Bulkhead(3), Timeout(1)
    )
    service.add(rest(Catalog, provider="catalog", pipeline=guards))
    service.add(Database("sqlite://"))
    service.lifecycle.in_flight = 2
    watch(service)

    def by(name: str, *keys: str) -> dict[Any, int]:
        metric = told(receiver, name)
        points = metric.gauge.data_points or metric.sum.data_points
        return {
            tuple(attributes(point).get(key) for key in keys): point.as_int
            for point in points
        }

    assert by("http.server.active_requests") == {(): 2}
    assert by("fleetwright.calls.limit") == {(): SETTINGS.max_in_flight}
    assert by("fleetwright.breaker.state", "provider", "state") == {
        ("catalog", "closed"): 1,
        ("catalog", "open"): 0,
        ("catalog", "half_open"): 0,
        ("catalog", "isolated"): 0,
    }
    assert by("fleetwright.bulkhead.calls", "state") == {("used",): 0, ("waiting",): 0}
    assert by("fleetwright.budget.left", "provider") == {("catalog",): 10}
    assert by("db.client.connection.count", "db.client.connection.state") == {
        ("used",): 0,
        ("idle",): 0,
    }


def test_a_user_s_instruments_join(receiver: Receiver) -> None:
    """Counters, gauges and what is asked for, by attributes in any order."""
    meter = metrics.get_meter("users", "2")
    sold = meter.create_counter("shop.sold", unit="{item}")
    sold.add(1, {"sku": "tea", "till": "south"})
    sold.add(2, {"till": "south", "sku": "tea"})
    meter.create_observable_gauge(
        "shop.tills", [lambda _: [metrics.Observation(4, {"open": True})]]
    )

    (point,) = told(receiver, "shop.sold").sum.data_points
    (tills,) = told(receiver, "shop.tills").gauge.data_points

    assert point.as_int == 3
    assert attributes(point) == {"sku": "tea", "till": "south"}
    assert told(receiver, "shop.sold").sum.is_monotonic
    assert tills.as_int == 4
    assert attributes(tills) == {"open": True}


def test_too_many_combinations_are_counted_as_one(receiver: Receiver) -> None:
    """Memory is bounded however careless the attributes are."""
    seen = metrics.get_meter("careless").create_counter("shop.seen")
    for number in range(2_500):
        seen.add(1, {"customer": number})

    points = told(receiver, "shop.seen").sum.data_points
    (rest,) = (point for point in points if "customer" not in attributes(point))

    assert len(points) == 2_001
    assert rest.as_int == 500
    assert attributes(rest) == {"otel.metric.overflow": True}
