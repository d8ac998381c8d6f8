"""fleet graph: who needs whom, in four forms."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from fleetwright_cli.graph import Edge, Graph, Node, read_graph
from fleetwright_cli.graph._layout import GAP_X, WIDTH, Line, Point, layout
from fleetwright_cli.standard import open_repository

if TYPE_CHECKING:
    from tool.conftest import Shop

SVG = "{http://www.w3.org/2000/svg}"
CALLS = 'pool = rest(Prices, provider="{}")\n'


def events(**operations: Sequence[str]) -> str:
    """Return an AsyncAPI document that sends and receives topics."""
    topics = [one for each in operations.values() for one in each]
    return json.dumps(
        {
            "asyncapi": "3.0.0",
            "channels": {one.replace(".", "_"): {"address": one} for one in topics},
            "operations": {
                f"{action}.{one}": {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{one.replace('.', '_')}"},
                }
                for action, each in operations.items()
                for one in each
            },
        }
    )


@pytest.fixture
def fleet(shop: "Shop") -> "Shop":
    """Give three services that call, hear and use libraries, in a circle of events."""
    shop.add_library("money")
    shop.add_library("dusty")
    shop.add_service("orders", "-e ../../libs/money\n-e ../../libs/dusty\n")
    shop.add_service("prices")
    shop.add_service("mail")
    shop.write("services/orders/src/orders/app.py", CALLS.format("prices"))
    shop.write("services/orders/src/orders/rules.py", "from money import add\n")
    shop.write("services/prices/src/prices/app.py", "import money\n")
    shop.write("services/mail/src/mail/app.py", CALLS.format("post-office"))
    sends = events(send=["orders.placed", "orders.lost"], receive=["mail.sent"])
    shop.write("services/orders/contracts/asyncapi.json", sends)
    hears = events(send=["mail.sent"], receive=["orders.placed", "orders.odd"])
    shop.write("services/mail/contracts/asyncapi.json", hears)
    return shop


def graph_of(shop: "Shop") -> Graph:
    """Return the graph of a fleet on disk."""
    return read_graph(open_repository(shop.root))


def ends(edges: Sequence[Edge]) -> list[tuple[str, str]]:
    """Return the ends of edges."""
    return [(one.source, one.target) for one in edges]


def test_calls_events_and_libraries_are_read_from_the_files(fleet: "Shop") -> None:
    """Nobody lists them anywhere: code, requirements and contracts say it."""
    graph = graph_of(fleet)

    assert ends(graph.of("call")) == [("mail", "post-office"), ("orders", "prices")]
    assert ends(graph.of("event")) == [("mail", "orders"), ("orders", "mail")]
    assert ends(graph.of("library")) == [
        ("orders", "dusty"),
        ("orders", "money"),
        ("prices", "money"),
    ]
    assert graph.of("event")[0].topics == ("orders.placed",)
    assert Node("post-office", "external") in graph.nodes


def test_library_without_a_requirement_is_undeclared_and_one_without_an_import_unused(
    fleet: "Shop",
) -> None:
    """Both with the place to mend."""
    graph = graph_of(fleet)

    assert ends(graph.undeclared) == [("prices", "money")]
    assert graph.undeclared[0].where == "services/prices/src/prices/app.py:1"
    assert ends(graph.unused) == [("orders", "dusty")]
    assert graph.unused[0].where == "services/orders/requirements.in:2"


def test_library_that_only_tests_import_needs_no_requirement(fleet: "Shop") -> None:
    """It is an edge all the same: its changes reach those tests."""
    fleet.write("services/mail/tests/test_money.py", "import money\n")

    graph = graph_of(fleet)

    assert ends(graph.of("test")) == [("mail", "money")]
    assert ends(graph.undeclared) == [("prices", "money")]


def test_requirement_of_a_library_may_be_in_an_extra(fleet: "Shop") -> None:
    """pyproject.toml declares by name, requirements.in by path."""
    fleet.write(
        "libs/dusty/pyproject.toml",
        "[project]\nname = 'dusty'\nversion = '1'\n"
        "[project.optional-dependencies]\nmore = ['Money >= 1']\n",
    )
    fleet.write("libs/dusty/src/dusty/sums.py", "import money\n")

    graph = graph_of(fleet)

    assert ("dusty", "money") in ends(graph.of("library"))
    assert ("dusty", "money") not in ends(graph.undeclared)


def test_caller_that_is_not_on_the_list_is_undeclared(fleet: "Shop") -> None:
    """Where fleet.toml says who may call, the code is held to it, both ways."""
    manifest = '[fleet]\nname = "shop"\n\n[callers]\nprices = ["mail"]\n'
    fleet.write("fleet.toml", manifest)

    graph = graph_of(fleet)

    assert ("orders", "prices") in ends(graph.undeclared)
    assert ("mail", "prices") in ends(graph.unused)


def test_need_of_a_contract_declares_a_call(fleet: "Shop") -> None:
    """needs.json names providers; what else is in it names nobody."""
    fleet.write("fleet.toml", '[fleet]\nname = "shop"\n\n[callers]\nprices = []\n')
    needs = {"calls": [{"provider": "prices", "needs": {"provider": "zebra"}}]}
    fleet.write("services/orders/contracts/needs.json", json.dumps(needs))

    graph = graph_of(fleet)

    assert ("orders", "prices") not in ends(graph.undeclared)
    assert "zebra" not in [one.name for one in graph.nodes]


def test_topics_without_the_other_side_are_told(fleet: "Shop") -> None:
    """A misspelt topic is published to nobody and heard from nobody."""
    graph = graph_of(fleet)

    assert graph.unheard == ("orders.lost",)
    assert graph.unpublished == ("orders.odd",)


def test_circles_and_the_longest_chain_are_found() -> None:
    """A circle counts as one step, wherever the chain passes it."""
    pairs = ("ab", "bc", "cb", "cd", "xd", "ee")
    graph = Graph((), tuple(Edge(one[0], one[1], "call") for one in pairs))

    assert graph.cycles("call") == [("b", "c"), ("e",)]
    assert graph.chain("call") == ("a", "b", "d")
    assert graph.cycles("library") == []
    assert graph.needed_by(["d"], "call") == {"a", "b", "c", "x"}


def test_command_says_it_in_words_and_fails_only_when_asked(fleet: "Shop") -> None:
    """`--check` is for pipelines: an edge that nobody declared fails there."""
    answer = fleet.fleet("graph")
    held = fleet.fleet("graph", "--check")

    assert answer.code == 0, answer.err
    assert "  orders -> prices\n" in answer.out
    assert "cycle of calls and events: mail <> orders" in answer.out
    assert "undeclared library: prices -> money (services/prices/src" in answer.out
    assert held.code == 1
    assert held.out == answer.out


def test_json_and_mermaid_say_the_same(fleet: "Shop") -> None:
    """A program and a page of documentation get every edge."""
    document = fleet.fleet("graph", "--json").document
    lines = fleet.fleet("graph", "--format", "mermaid").out.splitlines()

    assert document["depth"] == {"calls": 2, "libraries": 2}
    assert document["cycles"] == [
        {"of": "calls and events", "names": ["mail", "orders"]}
    ]
    assert len(document["edges"]) == 7
    assert sum("-->" in one or "==>" in one or "-.->" in one for one in lines) == 7
    assert '  n0["mail"]' in lines


def test_drawing_is_an_svg_with_every_box_and_line(fleet: "Shop") -> None:
    """It stands alone: no script, nothing fetched, both colour schemes."""
    text = fleet.fleet("graph", "--format", "svg").out
    root = ElementTree.fromstring(text)  # noqa: S314 - our own text

    names = [one.text for one in root.iter(f"{SVG}text") if one.get("class") == "name"]
    lines = [one for one in root.iter(f"{SVG}path") if one.get("marker-end")]
    titles = [one.text for one in root.iter(f"{SVG}title")]
    assert sorted(map(str, names)) == [
        "dusty",
        "mail",
        "money",
        "orders",
        "post-office",
        "prices",
    ]
    assert len(lines) == 4  # libraries of services are written in their boxes
    assert "mail hears orders: orders.placed" in titles
    assert "prefers-color-scheme: dark" in text
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_names_in_a_drawing_are_text(shop: "Shop") -> None:
    """A topic with a bracket in it is no markup."""
    shop.add_service("orders")
    shop.add_service("mail")
    odd = "<b>&odd"
    shop.write("services/orders/contracts/asyncapi.json", events(send=[odd]))
    shop.write("services/mail/contracts/asyncapi.json", events(receive=[odd]))

    text = shop.fleet("graph", "--format", "svg").out
    root = ElementTree.fromstring(text)  # noqa: S314 - our own text

    assert f"mail hears orders: {odd}" in [one.text for one in root.iter(f"{SVG}title")]


def test_lines_never_run_behind_boxes_and_boxes_never_overlap() -> None:
    """An edge over several layers goes around what stands between."""
    names = [f"s{number}" for number in range(12)]
    pairs = [(n, n + 1) for n in range(11)] + [(n, n + 4) for n in range(0, 8, 2)]
    lines = [Line(f"s{begin}", f"s{end}") for begin, end in [*pairs, (9, 2), (11, 0)]]
    heights = dict.fromkeys(names, 60.0)

    made = layout(heights, lines)

    boxes = sorted(made.boxes.values())
    for (x, y), (to_x, to_y) in pairwise(boxes):
        assert x != to_x or to_y >= y + 60
    for route in made.routes:
        for begin, end in pairwise(route):
            assert not any(_crosses(begin, end, box) for box in made.boxes.values())


def _crosses(begin: Point, end: Point, box: Point) -> bool:
    """Return whether a level piece of a line runs through a box."""
    if abs(end[0] - begin[0]) <= GAP_X or begin[1] != end[1]:
        return False
    inside = box[1] < begin[1] < box[1] + 60
    return inside and min(begin[0], end[0]) == box[0]


def test_line_to_oneself_and_a_fleet_of_nobody_are_drawn() -> None:
    """Neither ends the layout nor a drawing without boxes."""
    assert layout({}, []).boxes == {}
    alone = layout({"a": 60.0}, [Line("a", "a")])

    assert alone.boxes == {"a": (0.0, 0.0)}
    assert alone.routes[0][0][0] == WIDTH
