"""fleet contracts freeze, as a person types it."""

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from contracts.conftest import Traders


def test_contracts_are_files_beside_the_code(traders: "Traders") -> None:
    """What each service promises and needs, and nothing for what it does not."""
    files = sorted(
        str(path.relative_to(traders.root))
        for path in traders.root.glob("services/*/contracts/*")
    )

    assert files == [
        "services/buyer/contracts/asyncapi.json",
        "services/buyer/contracts/needs.json",
        "services/shop/contracts/asyncapi.json",
        "services/shop/contracts/openapi.json",
    ]
    promised = json.loads(traders.path("shop/contracts/openapi.json").read_text())
    assert list(promised["paths"]) == ["/v1/orders", "/v1/products/{slug}"]
    assert traders.contracts("freeze", "--check").code == 0


def test_changed_code_is_drift_until_it_is_frozen(traders: "Traders") -> None:
    """`--check` writes nothing and names the file; freezing mends it."""
    file = traders.path("shop/contracts/openapi.json")
    kept = file.read_text("utf-8")
    with traders.changed("shop/src/shop/models.py", ("weight: int", "weight: str")):
        checked = traders.contracts("freeze", "--check", "--json")
        still = file.read_text("utf-8")
        mended = traders.contracts("freeze", "shop")
        again = traders.contracts("freeze", "--check")

    assert (checked.code, again.code) == (1, 0)
    assert checked.document["stale"] == ["services/shop/contracts/openapi.json"]
    assert "hint: run `fleet contracts freeze shop`" in checked.err
    assert still == kept
    assert mended.out == "services/shop/contracts/openapi.json written\n"


def test_contract_of_nothing_is_taken_away(traders: "Traders") -> None:
    """A service that needs nobody any more has no file of needs."""
    orphan = traders.path("shop/contracts/needs.json")
    orphan.write_text("{}", "utf-8")

    checked = traders.contracts("freeze", "--check")
    traders.contracts("freeze")

    assert checked.code == 1
    assert "is there, and the code says nothing of it" in checked.out
    assert not orphan.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("def create_app", "raise RuntimeError('oh')\ndef create_app"), "oh"),
        (("    return mount", "    print('hello')\n    return mount"), "is no JSON"),
        (("def create_app", "def create_nothing"), "has no function create_app"),
    ],
    ids=["raises", "prints", "is-not-there"],
)
def test_service_that_cannot_be_asked_hides_no_other(
    traders: "Traders", change: tuple[str, str], words: str
) -> None:
    """Its error is told in its own words, and the others are frozen."""
    traders.path("buyer/contracts/needs.json").unlink()
    with traders.changed("shop/src/shop/app.py", change):
        answer = traders.contracts("freeze")

        assert answer.code == 1
        assert words in answer.err
        assert "hint: " in answer.err
        assert answer.out == "services/buyer/contracts/needs.json written\n"
