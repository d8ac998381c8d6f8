"""Every rule that is told is explained, and none that is not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import fleetwright_contracts
from fleetwright_contracts import RULES, explained

SOURCES = Path(fleetwright_contracts.__file__).parent
# Made of a prefix and one of these.
MADE = {
    "payload-widened",
    "payload-narrowed",
    "payload-property-removed",
    "headers-widened",
    "headers-narrowed",
    "headers-property-removed",
    "message-removed",
    "enum-removed",
    "oneof-removed",
    "extension-removed",
    "correlation-changed",
    "reply-changed",
    "rpc-request-renamed",
    "rpc-answer-renamed",
}
# Told by the tool, which knows who there is.
ELSEWHERE = {"provider-unknown"}


def told() -> Iterator[str]:
    """Yield what the engine's code names as a rule, by how it calls what tells it."""
    for path in SOURCES.rglob("*.py"):
        if path.name == "_explained.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in ("tell", "report", "broke", "Finding", "_found"):
                    yield from (
                        one.value.removesuffix("-unknown")
                        for one in node.args[:2]
                        if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    )


def test_every_rule_is_explained() -> None:
    """What is told by name, and what is made of a prefix."""
    rules = {one for one in told() if " " not in one and one} | MADE

    assert len(rules) > 50
    known = {rule.removesuffix("-unknown") for rule in RULES}
    assert rules - known == set()


def test_nothing_is_explained_that_is_not_told() -> None:
    """A rule that is gone from the code is gone from here."""
    text = "\n".join(
        path.read_text("utf-8")
        for path in SOURCES.rglob("*.py")
        if path.name != "_explained.py"
    )

    assert [
        rule
        for rule in sorted(RULES.keys() - MADE - ELSEWHERE)
        if f'"{rule}' not in text
    ] == []


def test_what_is_not_known_is_explained_like_what_breaks() -> None:
    """The direction is the same."""
    assert explained("request-narrowed-unknown") is explained("request-narrowed")
    assert explained("request-bent") is None
