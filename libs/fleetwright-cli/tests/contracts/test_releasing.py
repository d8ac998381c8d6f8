"""fleet contracts can-deploy and deployed, as a person types them."""

import json
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from contracts.conftest import Traders

PROMISED, SENT = "shop/contracts/openapi.json", "shop/contracts/asyncapi.json"
NEEDED = "buyer/contracts/needs.json"
TREE = "the working tree"


def edit(traders: "Traders", name: str, change: Callable[[Any], None]) -> None:
    """Change a frozen contract, as freezing changed code would."""
    file = traders.path(name)
    document = json.loads(file.read_text("utf-8"))
    change(document)
    file.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", "utf-8")


def schemas_of(document: Any) -> Any:
    """Return the schemas of an API, or of the one client that calls one."""
    if "calls" in document:
        [call] = document["calls"]
        document = call["needs"]
    return document["components"]["schemas"]


def count_in_fives(document: Any) -> None:
    """Ask for multiples of five, or send nothing else."""
    schemas_of(document)["NewProduct"]["properties"]["weight"]["multipleOf"] = 5


def pay_by_card(document: Any) -> None:
    """Publish, or understand, no other way to pay."""
    if "hears" in document:
        [heard] = document["hears"]
        properties = heard["schema"]["properties"]
    else:
        properties = schemas_of(document)["Sold"]["properties"]
    properties["how"] = {"const": "card"}


def ask_for_stock(document: Any) -> None:
    """Offer one operation more, or call it."""
    if "calls" in document:
        [call] = document["calls"]
        document = call["needs"]
    paths = document["paths"]
    paths["/v1/stock"] = {"get": {"operationId": "stock", "responses": {"200": {}}}}


@pytest.fixture
def released(traders: "Traders") -> "Traders":
    """Give the fleet with its first versions tagged."""
    for service in ("shop", "buyer"):
        traders.git("tag", f"{service}/v0.9.0")
        traders.git("tag", f"{service}/v0.10.0")
    return traders


def test_what_did_not_change_is_safe(released: "Traders") -> None:
    """The newest tag is what runs: 0.10.0 is newer than 0.9.0."""
    answer = released.contracts("can-deploy", "--json")

    assert answer.code == 0, answer.err
    assert answer.document["safe"] is True
    assert answer.document["candidates"] == {}
    assert answer.document["deployed"]["shop"] == "shop/v0.10.0"


def test_who_breaks_is_told_with_the_value(released: "Traders") -> None:
    """The shop alone is released, and the buyer that runs is refused."""
    edit(released, PROMISED, count_in_fives)

    answer = released.contracts("can-deploy", "shop")
    document = released.contracts("can-deploy", "shop", "--json").document

    assert answer.code == 1
    assert f"BREAKS  buyer buyer/v0.10.0 -> shop {TREE}  PUT /v1/" in answer.out
    assert '"weight": 1' in answer.out
    assert answer.out.endswith("not safe: 1 break\n")
    [broken] = document["breaks"]
    assert (broken["consumer"], broken["provider"]) == ("buyer", "shop")
    assert broken["witness"]["weight"] == 1
    assert document["order"] == []


def test_consumer_goes_first_where_the_provider_becomes_stricter(
    released: "Traders",
) -> None:
    """The new buyer fits both shops, the old one only the old shop."""
    edit(released, PROMISED, count_in_fives)
    edit(released, NEEDED, count_in_fives)

    answer = released.contracts("can-deploy", "--json")

    assert answer.code == 0
    assert answer.document["order"] == ["buyer", "shop"]
    [before] = answer.document["before"]
    assert (before["first"], before["then"]) == ("buyer", "shop")
    assert before["because"][0]["witness"]["weight"] == 1
    fits = {
        (one["consumer_version"], one["provider_version"]): one["fits"]
        for one in answer.document["matrix"]
    }
    assert fits == {
        ("buyer/v0.10.0", TREE): False,
        (TREE, "shop/v0.10.0"): True,
        (TREE, TREE): True,
    }


def test_provider_goes_first_where_it_offers_more(released: "Traders") -> None:
    """The new buyer calls what the old shop has not."""
    edit(released, PROMISED, ask_for_stock)
    edit(released, NEEDED, ask_for_stock)

    answer = released.contracts("can-deploy")

    assert answer.code == 0
    assert "shop before buyer:" in answer.out
    assert answer.out.endswith("safe in this order: shop, buyer\n")


def test_two_that_wait_for_one_another_are_not_safe(released: "Traders") -> None:
    """Each of the changes alone has an order, both together have none."""
    for change in (count_in_fives, ask_for_stock):
        edit(released, PROMISED, change)
        edit(released, NEEDED, change)

    answer = released.contracts("can-deploy", "--json")

    assert answer.code == 1
    assert answer.document["order"] == []
    rules = {one["rule"] for one in answer.document["breaks"]}
    assert rules == {"request-refused", "operation-missing"}


def test_message_outlives_who_wrote_it(released: "Traders") -> None:
    """No order helps a consumer that does not understand what is in the topic."""
    edit(released, SENT, pay_by_card)
    edit(released, NEEDED, pay_by_card)

    answer = released.contracts("can-deploy", "--json")

    assert answer.code == 1
    [broken] = answer.document["breaks"]
    assert broken["rule"] == "event-not-understood"
    assert broken["provider_version"] == "shop/v0.10.0"
    assert broken["witness"]["how"] == "cash"


def test_what_was_broken_before_holds_nothing_up(released: "Traders") -> None:
    """The buyer that runs is refused today; another version of it is no worse."""
    edit(released, PROMISED, count_in_fives)
    released.git("commit", "--quiet", "--all", "-m", "fives")
    released.git("tag", "shop/v1.0.0")
    edit(released, NEEDED, lambda document: document["calls"][0].update(more="1"))

    answer = released.contracts("can-deploy", "buyer", "--json")

    assert (answer.code, answer.document["safe"]) == (0, True)
    assert answer.document["candidates"] == {"buyer": TREE}


def test_versions_are_named_by_tags_and_revisions(released: "Traders") -> None:
    """`v1.0.0` of a service is its own tag; `--tags` takes the newest ones."""
    edit(released, PROMISED, count_in_fives)
    released.git("commit", "--quiet", "--all", "-m", "fives")
    released.git("tag", "shop/v1.0.0")
    runs = ("--deployed", "v0.10.0", "--json")

    named = released.contracts("can-deploy", "shop=v1.0.0", *runs)
    newest = released.contracts("can-deploy", "--tags", *runs)
    unknown = released.contracts("can-deploy", "shop=v7", *runs)

    assert (named.code, newest.code, unknown.code) == (1, 1, 2)
    assert named.document == newest.document
    assert named.document["candidates"] == {"shop": "shop/v1.0.0"}
    assert "hint: name a branch, a tag or a commit" in unknown.err


def test_what_runs_in_an_environment_is_recorded(released: "Traders") -> None:
    """By commit, so that a tag that moves changes nothing."""
    first = released.contracts("can-deploy", "--environment", "staging")
    versions = ("shop=v0.10.0", "buyer=HEAD")
    recorded = released.contracts("deployed", "staging", *versions, "--json")
    edit(released, PROMISED, count_in_fives)
    released.git("commit", "--quiet", "--all", "-m", "fives")
    released.git("tag", "--force", "shop/v0.10.0")

    answer = released.contracts("can-deploy", "--environment", "staging", "--json")

    assert first.code == 2
    assert "hint: `fleet contracts deployed staging buyer=REVISION`" in first.err
    assert recorded.document["shop"]["version"] == "shop/v0.10.0"
    assert answer.code == 1
    assert answer.document["candidates"] == {"shop": TREE}
    assert released.contracts("deployed", "staging", "shop=").code == 0
    assert list(released.contracts("deployed", "staging", "--json").document) == [
        "buyer"
    ]


def test_service_that_was_taken_away_and_still_runs_counts(
    released: "Traders",
) -> None:
    """Its folder is gone, and what runs of it goes on calling."""
    versions = ("shop=v0.10.0", "buyer=v0.10.0")
    assert released.contracts("deployed", "staging", *versions).code == 0
    shutil.rmtree(released.path("buyer"))
    released.git("commit", "--quiet", "--all", "-m", "no buyer")
    same = released.contracts("can-deploy", "--environment", "staging")
    edit(released, PROMISED, count_in_fives)

    answer = released.contracts("can-deploy", "--environment", "staging")

    assert same.code == 0
    assert answer.code == 1
    assert "buyer buyer/v0.10.0 -> shop the working tree" in answer.out


def test_nobody_says_what_runs(traders: "Traders") -> None:
    """No tags, no file, no words."""
    answer = traders.contracts("can-deploy")

    assert answer.code == 2
    assert "error: it is not known what runs" in answer.err
