"""The contracts of a fleet as breaches of the standard."""

import json
from typing import TYPE_CHECKING

from fleetwright_cli.contracts import problems

if TYPE_CHECKING:
    from contracts.conftest import Traders


def test_fleet_whose_contracts_hold_has_no_problems(traders: "Traders") -> None:
    """As it was committed."""
    assert list(problems(traders.root, against="HEAD")) == []


def test_each_way_not_to_hold_is_a_breach_of_its_rule(traders: "Traders") -> None:
    """A contract that was edited by hand is stale, breaks, and does not fit."""
    file = traders.path("shop/contracts/openapi.json")
    document = json.loads(file.read_text("utf-8"))
    del document["paths"]["/v1/orders"]
    document["x-fleet-routes"].remove("POST /v1/orders")
    file.write_text(json.dumps(document), "utf-8")

    found = {rule: one for rule, one in problems(traders.root, against="HEAD")}

    assert {rule: one.path for rule, one in found.items()} == {
        "API-01": "services/shop/contracts/openapi.json",
        "TST-07": "services/buyer/src/buyer/clients.py",
        "API-04": "services/shop/contracts/openapi.json",
    }
    assert "is not what the code says" in found["API-01"].what
    assert "shop has no such operation" in found["TST-07"].what
    assert found["TST-07"].line > 1
    assert "POST /v1/orders: it is" in found["API-04"].what
