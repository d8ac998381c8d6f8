"""How full a service is, looked up when its metrics are read; fed by nothing."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from weakref import WeakSet

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from fleetwright._service import Service

_STATES: Final = ("closed", "open", "half_open", "isolated")
_watched: WeakSet[Service] = WeakSet()
_meter = metrics.get_meter("fleetwright")
Look = Callable[[Service], Iterator[Observation]]


def watch(service: Service) -> None:
    """Have the metrics of this process say how full a service is.

    Args:
        service: Whose calls, connections and guards are looked at.
    """
    _watched.add(service)


def _each(look: Look) -> list[Callable[[CallbackOptions], Iterable[Observation]]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        return [seen for service in tuple(_watched) for seen in look(service)]

    return [observe]


def _in_flight(service: Service) -> Iterator[Observation]:
    yield Observation(service.lifecycle.in_flight)


def _places(service: Service) -> Iterator[Observation]:
    yield Observation(service.admission.limit)


def _guards(service: Service) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield who is called, and how the guards of the calls stand."""
    for part in service.parts:
        calling = getattr(part, "__part__", None)
        if calling is not None:
            yield calling.provider, calling.facts()


def _breakers(service: Service) -> Iterator[Observation]:
    for provider, facts in _guards(service):
        breaker = facts.get("breaker", {})
        for state in _STATES if breaker else ():
            said = {"provider": provider, "state": state}
            yield Observation(int(str(breaker["state"]) == state), said)


def _bulkheads(service: Service) -> Iterator[Observation]:
    for provider, facts in _guards(service):
        bulkhead = facts.get("bulkhead") or {}
        for state in ("used", "waiting") if bulkhead else ():
            yield Observation(bulkhead[state], {"provider": provider, "state": state})


def _budgets(service: Service) -> Iterator[Observation]:
    for provider, facts in _guards(service):
        if "budget" in facts:
            yield Observation(facts["budget"]["left"], {"provider": provider})


def _connections(service: Service) -> Iterator[Observation]:
    for part in service.parts:
        pool: Any = getattr(getattr(part, "engine", None), "pool", None)
        if hasattr(pool, "checkedout") and hasattr(pool, "checkedin"):
            said = {"db.client.connection.pool.name": type(part).__name__}
            for state, count in (("used", pool.checkedout), ("idle", pool.checkedin)):
                told = said | {"db.client.connection.state": state}
                yield Observation(count(), told)


_meter.create_observable_up_down_counter(
    "http.server.active_requests",
    _each(_in_flight),
    unit="{request}",
    description="Calls that are being answered, those over gRPC included.",
)
_meter.create_observable_gauge(
    "fleetwright.calls.limit",
    _each(_places),
    unit="{call}",
    description="How many calls may be answered at a time.",
)
_meter.create_observable_gauge(
    "fleetwright.breaker.state",
    _each(_breakers),
    unit="{state}",
    description="1 for the state a circuit is in, by provider; 0 for the others.",
)
_meter.create_observable_gauge(
    "fleetwright.bulkhead.calls",
    _each(_bulkheads),
    unit="{call}",
    description="Calls out that hold a place or wait for one, by provider.",
)
_meter.create_observable_gauge(
    "fleetwright.budget.left",
    _each(_budgets),
    unit="{call}",
    description="Extra sends that would be granted now, by provider.",
)
_meter.create_observable_up_down_counter(
    "db.client.connection.count",
    _each(_connections),
    unit="{connection}",
    description="Connections of the pools of databases, by state.",
)
