"""fleet contracts verify and fleet contracts diff --against, as a person types them."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from fleetwright_cli.contracts import _verification as verification
from fleetwright_cli.contracts import frozen, verify
from fleetwright_cli.fleet import discover

if TYPE_CHECKING:
    from contracts.conftest import Traders

PROMISED, SENT = "shop/contracts/openapi.json", "shop/contracts/asyncapi.json"
CLIENTS, EVENTS = "buyer/src/buyer/clients.py", "buyer/src/buyer/events.py"


def edit(traders: "Traders", name: str, change: Callable[[Any], None]) -> None:
    """Change a frozen contract, as freezing changed code would."""
    file = traders.path(name)
    document = json.loads(file.read_text("utf-8"))
    change(document)
    file.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", "utf-8")


def ask_for_fives(document: Any) -> None:
    """Refuse weights that are no multiples of five."""
    properties = document["components"]["schemas"]["NewProduct"]["properties"]
    properties["weight"]["multipleOf"] = 5


def tell_cheques(document: Any) -> None:
    """Publish one way to pay more."""
    how = document["components"]["schemas"]["Sold"]["properties"]["how"]
    how["enum"].append("cheque")


def place(traders: "Traders", name: str, text: str) -> tuple[str, int]:
    """Return a file and the first line that has a text in it."""
    lines = traders.path(name).read_text("utf-8").splitlines()
    found = next(number for number, line in enumerate(lines, 1) if text in line)
    return f"services/{name}", found


def test_fleet_that_fits_says_so(traders: "Traders") -> None:
    """A client and an event that is heard: two edges."""
    answer = traders.contracts("verify")

    assert (answer.code, answer.out) == (0, "2 edges fit together\n")


def test_consumer_that_does_not_fit_is_shown_with_its_line(traders: "Traders") -> None:
    """What is sent and refused, where it is declared, and what to do."""
    edit(traders, PROMISED, ask_for_fives)
    file, line = place(traders, CLIENTS, "async def keep")

    answer = traders.contracts("verify")
    document = traders.contracts("verify", "--json").document
    github = traders.contracts("verify", "--format", "github").out

    assert answer.code == 1
    assert "ERROR  buyer -> shop  PUT /v1/products/{slug}" in answer.out
    assert f"  {file}:{line}  Shop.keep" in answer.out
    assert '"weight": 1' in answer.out
    assert answer.out.endswith("2 edges do not fit together: 1 break\n")
    assert document["fits"] is False
    [mismatch] = document["mismatches"]
    assert (mismatch["file"], mismatch["line"]) == (file, line)
    assert mismatch["witness"]["weight"] == 1
    assert f"::error file={file},line={line},title=request-refused::" in github


def test_message_of_a_release_counts_while_it_may_be_in_its_topic(
    traders: "Traders",
) -> None:
    """Today's messages are understood, those of the release are not."""
    edit(traders, SENT, tell_cheques)
    traders.git("commit", "--quiet", "--all", "-m", "cheques")
    traders.git("tag", "v1")
    traders.git("checkout", "--quiet", "HEAD~1", "--", "services")

    today = traders.contracts("verify")
    retained = traders.contracts("verify", "--retained", "v1")

    assert (today.code, retained.code) == (0, 1)
    assert "of v1, which may still be in the topic, is not understood" in retained.out
    assert '"how": "cheque"' in retained.out


def test_unknown_provider_is_an_error(traders: "Traders") -> None:
    """A client of a service that nobody knows calls into the void."""
    with traders.changed(
        "buyer/contracts/needs.json", ('"provider": "shop"', '"provider": "shap"')
    ):
        answer = traders.contracts("verify")

    assert answer.code == 1
    assert "no service `shap` promises an API" in answer.out


def test_edge_is_compared_once(
    traders: "Traders", monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as neither side changes, what was found is looked up."""
    edit(traders, PROMISED, ask_for_fives)
    fleet = discover(traders.root)
    before = verify(fleet, frozen(fleet.services.values()))
    monkeypatch.setattr(verification, "unmet", None)
    monkeypatch.setattr(verification, "misheard", None)

    again = verify(fleet, frozen(fleet.services.values()))

    assert again == before
    edit(traders, PROMISED, lambda document: document["info"].update(version="9"))
    with pytest.raises(TypeError):
        verify(fleet, frozen(fleet.services.values()))


def test_nothing_changed_since_the_last_commit(traders: "Traders") -> None:
    """A revision is any name that git knows."""
    answer = traders.contracts("diff", "--against", "HEAD")

    assert (answer.code, answer.out) == (0, "what changed since HEAD fits\n")


def test_change_names_whom_it_breaks_and_who_still_fits(traders: "Traders") -> None:
    """With their lines; the event and the operation."""
    edit(traders, PROMISED, ask_for_fives)
    edit(traders, SENT, tell_cheques)
    file, line = place(traders, CLIENTS, "async def keep")
    events, sold = place(traders, EVENTS, "class Sold")

    answer = traders.contracts("diff", "--against", "HEAD")
    document = traders.contracts("diff", "--against", "HEAD", "--json").document
    github = traders.contracts("diff", "--against", "HEAD", "--format", "github")

    assert answer.code == 1
    assert f"  breaks: buyer Shop.keep  {file}:{line}" in answer.out
    assert f"  breaks: buyer Sold  {events}:{sold}" in answer.out
    assert [one["kind"] for one in document["changes"]] == ["openapi", "asyncapi"]
    assert document["changes"][0]["callers"][0]["breaks"] is True
    assert "::error file=services/shop/contracts/openapi.json" in github.out


def test_optional_field_that_nobody_reads_may_go(traders: "Traders") -> None:
    """Known consumers decide: none of them reads it, so it is only told."""

    def offer(document: Any) -> None:
        product = document["components"]["schemas"]["Product"]
        product["properties"]["colour"] = {"type": "string"}

    edit(traders, PROMISED, offer)
    traders.git("commit", "--quiet", "--all", "-m", "colours")
    traders.git("checkout", "--quiet", "HEAD~1", "--", "services")

    answer = traders.contracts("diff", "--against", "HEAD", "--notes")

    assert answer.code == 0
    assert "NOTE  shop  GET /v1/products/{slug}" in answer.out
    assert "none of its 1 callers in the fleet reads it" in answer.out


def test_break_is_excused_by_a_version_and_a_design_document(
    traders: "Traders",
) -> None:
    """One of the two is not enough; the document names the service."""

    def two(document: Any) -> None:
        ask_for_fives(document)
        document["info"]["version"] = "2"

    edit(traders, PROMISED, two)
    alone = traders.contracts("diff", "--against", "HEAD")
    design = traders.root / "docs" / "design" / "0001-fives.md"
    design.parent.mkdir(parents=True)
    design.write_text("# shop asks for multiples of five\n", "utf-8")

    both = traders.contracts("diff", "--against", "HEAD")

    assert (alone.code, both.code) == (1, 0)
    assert "excused: version 2, announced in docs/design/0001-fives.md" in both.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("diff", "--against", "nowhere"), "git knows no revision `nowhere`"),
        (("diff", "--against", "HEAD", "--format", "sarif"), "not told as sarif"),
        (("diff",), "it is not said what to compare"),
        (("diff", "one.json"), "it is not said what to compare"),
        (("verify", "--retained", "nowhere"), "git knows no revision `nowhere`"),
    ],
)
def test_wrong_words_are_told_with_the_mend(
    traders: "Traders", words: tuple[str, ...], message: str
) -> None:
    """Exit 2, nothing on stdout."""
    answer = traders.contracts(*words)

    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
    assert "hint: " in answer.err


def test_contract_that_is_broken_is_told_with_its_file(traders: "Traders") -> None:
    """A conflict that was committed, for example."""
    traders.path(PROMISED).write_text("<<<<<<<", "utf-8")

    answer = traders.contracts("verify")

    assert answer.code == 1
    assert "the contract cannot be read" in answer.err
    assert PROMISED in answer.err
