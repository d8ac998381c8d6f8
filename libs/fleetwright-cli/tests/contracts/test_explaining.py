"""fleet contracts explain, as a person types it."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contracts.conftest import Traders


def test_rule_is_explained_anywhere(traders: "Traders") -> None:
    """Who sends, who reads, what shows it, what to do."""
    answer = traders.contracts("explain", "request-narrowed")
    document = traders.contracts("explain", "request-narrowed", "--json").document
    unknown = traders.contracts("explain", "request-narowed")

    assert answer.code == 0
    assert "sends: callers, by the old document" in answer.out
    assert document["direction"]["reads"] == "the service, by the new document"
    assert unknown.code == 2
    assert "request-narrowed" in unknown.err


def test_edge_is_explained(traders: "Traders") -> None:
    """Operations and events with their lines, and what does not fit."""
    fits = traders.contracts("explain", "buyer", "shop")
    nothing = traders.contracts("explain", "shop", "buyer")
    nobody = traders.contracts("explain", "shop", "baker")

    assert fits.out.startswith("buyer -> shop: fits\n")
    assert "PUT /v1/products/{slug}  Shop.keep  services/buyer/src/" in fits.out
    assert "event shop.sold v1  Sold  services/buyer/src/buyer/events.py:" in fits.out
    assert (nothing.code, nobody.code) == (2, 2)


def test_finding_is_explained_by_its_name(traders: "Traders") -> None:
    """With its value, and with what its rule means."""
    file = traders.path("shop/contracts/openapi.json")
    document = json.loads(file.read_text("utf-8"))
    properties = document["components"]["schemas"]["NewProduct"]["properties"]
    properties["weight"]["multipleOf"] = 5
    file.write_text(json.dumps(document), "utf-8")
    [needed] = traders.contracts("verify", "--json").document["mismatches"]
    since = traders.contracts("diff", "--against", "HEAD", "--json").document
    changed = since["changes"][0]["fingerprint"]

    unmet = traders.contracts("explain", needed["fingerprint"])
    change = traders.contracts("explain", changed, "--against", "HEAD")
    edge = traders.contracts("explain", "buyer", "shop", "--json").document

    assert '"weight": 1' in unmet.out
    assert "sends: the consumer's client" in unmet.out
    assert "request-narrowed: a body that was allowed is refused" in change.out
    assert edge["fits"] is False
    assert edge["findings"][0]["witness"]["weight"] == 1
    assert traders.contracts("explain", "FC-00000000").code == 2
