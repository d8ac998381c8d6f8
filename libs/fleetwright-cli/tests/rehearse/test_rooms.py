"""What a cluster promises a service follows from what it needs, in fleet.toml."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rehearse.planned import COST, costs

from fleetwright_cli._errors import FleetError
from fleetwright_cli.capacity import Model, Site, room_for, written
from fleetwright_cli.capacity._rooms import Room
from fleetwright_cli.fleet import ServiceDeploy

TEXT = """[fleet]
name = "shop"

[deploy] # where it runs
registry = "ghcr.io/shop"

[deploy.services.orders] # many
memory = "1Gi"
least = 3
cpu = "2"

[deploy.environments.staging]
least = 1

[rehearse.orders]
requests = [{ send = "GET /v1/orders" }]
"""
ROOM = Room("120m", "192Mi", 8)


def promised(text: str) -> dict[str, Any]:
    """Return what services are promised."""
    services: dict[str, Any] = tomllib.loads(text)["deploy"]["services"]
    return services


def test_a_pod_is_promised_what_it_uses_where_one_more_would_come() -> None:
    """Idle and for its part of the calls; twice the memory; twice the pods."""
    need = Model(costs(orders=COST), sites={"orders": Site()}).need("orders", 300.0)

    room = room_for(need, ServiceDeploy())

    # 300 * 5 ms + 3 * 10 ms by three pods: 0.51 each, 0.7286 so that it is 70 %.
    assert need.replicas == 3
    assert room == Room("730m", "128Mi", 6)
    assert room_for(need, ServiceDeploy(most=40)).most == 40


def test_what_is_promised_is_written_and_all_else_stays() -> None:
    """Into the table that is there, or one more beside it."""
    text = written(TEXT, {"orders": ROOM, "stock": ROOM})

    values = {"cpu": "120m", "memory": "192Mi", "most": 8}
    assert promised(text) == {"orders": {**values, "least": 3}, "stock": values}
    kept = [line for line in TEXT.splitlines() if "cpu" not in line]
    kept.remove('memory = "1Gi"')
    assert [line for line in text.splitlines() if line in kept and line] == [
        line for line in kept if line
    ]
    assert written(text, {"orders": ROOM, "stock": ROOM}) == text


def test_first_services_are_written_at_the_end_of_a_fleet_that_is_nowhere() -> None:
    """Without a table for deploys there is one afterwards."""
    text = written('[fleet]\nname = "shop"\n', {"orders": ROOM})

    assert promised(text) == {"orders": {"cpu": "120m", "memory": "192Mi", "most": 8}}
    assert text.startswith('[fleet]\nname = "shop"\n\n[deploy.services.orders]\n')


@pytest.mark.parametrize(
    "text",
    (
        '[deploy]\nservices = { orders = { cpu = "1" } }\n',
        '[deploy.services]\norders = { cpu = "1" }\n',
        '[deploy.services."orders"]\ncpu = "1"\n',
    ),
)
def test_services_told_another_way_are_left_alone(text: str) -> None:
    """With how to write them."""
    with pytest.raises(FleetError, match="tables of their own") as caught:
        written(text, {"orders": ROOM})

    assert "[deploy.services.NAME]" in caught.value.hint


@settings(deadline=None, max_examples=50)
@given(rate=st.floats(0.1, 1e5), more=st.floats(1, 100))
def test_no_pod_is_promised_less_than_it_uses(rate: float, more: float) -> None:
    """Whatever comes; and there is room for more pods than that needs."""
    need = Model(costs(orders=COST), sites={"orders": Site()}).need(
        "orders", rate * more
    )

    room = room_for(need, ServiceDeploy())

    assert int(room.cpu.removesuffix("m")) >= need.cores / need.replicas * 1000
    assert int(room.memory.removesuffix("Mi")) * 2**20 >= need.memory / need.replicas
    assert room.most >= min(need.replicas, 1000)
    ServiceDeploy(cpu=room.cpu, memory=room.memory, most=room.most)  # valid there
