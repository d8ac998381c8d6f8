"""`fleet check --tools` tells of contracts that do not hold."""

import json
from typing import TYPE_CHECKING

from fleetwright_cli.fleet import discover
from fleetwright_cli.standard import open_repository
from fleetwright_cli.standard._contract_looks import RULES, contract_breaches

if TYPE_CHECKING:
    from contracts.conftest import Traders


def found(traders: "Traders") -> dict[str, str]:
    """Return the paths of what does not hold since the last commit but one, by rule."""
    traders.git("commit", "--quiet", "--allow-empty", "-m", "nothing")
    repository, fleet = open_repository(traders.root), discover(traders.root)
    breaches = contract_breaches(repository, fleet, lambda text: None)
    return {rule: one.path for rule, one in breaches}


def test_contracts_that_hold_are_no_breach(traders: "Traders") -> None:
    """As they were committed."""
    assert found(traders) == {}


def test_contracts_that_do_not_hold_are_told_by_their_rules(traders: "Traders") -> None:
    """An operation that is taken out by hand is stale, missed, and a broken promise."""
    file = traders.path("shop/contracts/openapi.json")
    document = json.loads(file.read_text("utf-8"))
    del document["paths"]["/v1/orders"]
    document["x-fleet-routes"].remove("POST /v1/orders")
    file.write_text(json.dumps(document), "utf-8")

    assert found(traders).keys() == RULES
