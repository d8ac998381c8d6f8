"""The events that a consumer hears, held against all that may be in their topics."""

from typing import Any

import pytest

from fleetwright_contracts.needs import Mismatch, misheard, sent_by

TEXT = {"type": "string"}
CARD, ANY = {"enum": ["card", "cash"]}, {"enum": ["card", "cash", "cheque"]}


def published(*versions: tuple[int, Any], topic: str = "shop.sold") -> dict[str, Any]:
    """Return the document of a service that publishes versions of one event."""
    names = {version: f"send.{topic}.v{version}" for version, _ in versions}
    return {
        "asyncapi": "3.0.0",
        "channels": {
            topic: {
                "address": topic,
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"}
                    for name in names.values()
                },
            }
        },
        "operations": {
            f"send.{topic}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{topic}"},
                "messages": [
                    {"$ref": f"#/channels/{topic}/messages/{name}"}
                    for name in names.values()
                ],
            },
            "receive.other": {"action": "receive", "channel": {}, "messages": []},
        },
        "components": {
            "messages": {
                names[version]: {
                    "payload": {"$ref": f"#/components/schemas/V{version}"},
                    "x-fleet-version": version,
                }
                for version, _ in versions
            },
            "schemas": {f"V{version}": schema for version, schema in versions},
        },
    }


def sold(how: Any, *required: str) -> dict[str, Any]:
    """Return the schema of a sale."""
    return {
        "type": "object",
        "properties": {"sku": TEXT, "how": how},
        "required": list(required or ("sku", "how")),
    }


def heard(schema: Any, version: int = 1) -> list[dict[str, Any]]:
    """Return what a consumer hears."""
    return [
        {
            "topic": "shop.sold",
            "version": version,
            "event": "till.events:Sold",
            "schema": schema,
        }
    ]


def told(found: list[Mismatch]) -> list[tuple[str, str, str]]:
    """Return who publishes what is not understood, the rule and how grave it is."""
    return [(it.provider, it.finding.rule, it.finding.severity) for it in found]


def test_event_that_is_understood_is_let_through() -> None:
    """More fields than are read, and fewer choices than are known."""
    sent = list(sent_by("shop", published((1, sold(CARD)), (2, sold(TEXT)))))

    assert misheard(heard(sold(ANY, "sku")), sent, consumer="till") == []


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([(1, sold(ANY))], ("shop", "event-not-understood", "error")),
        ([(1, sold(CARD, "sku"))], ("shop", "event-not-understood", "error")),
        ([(2, sold(CARD))], ("shop", "event-version", "error")),
        ([], ("", "event-unpublished", "warning")),
    ],
    ids=["wider", "optional", "other-version", "nobody"],
)
def test_event_that_is_not_understood_is_told(
    versions: list[tuple[int, Any]], expected: tuple[str, str, str]
) -> None:
    """With who publishes it, and with a value where one can be shown."""
    sent = list(sent_by("shop", published(*versions)))

    [found] = misheard(heard(sold(CARD)), sent, consumer="till")

    assert told([found]) == [expected]
    assert (found.finding.witness is not None) is (
        expected[1] == "event-not-understood"
    )
    assert found.declared == "till.events:Sold"


def test_message_of_an_earlier_release_may_still_be_in_the_topic() -> None:
    """Each step fits its neighbour; who hears today must understand the first, too."""
    first = list(sent_by("shop", published((1, sold(CARD, "sku"))), "v1.0.0"))
    now = list(sent_by("shop", published((1, sold(CARD)))))

    [found] = misheard(heard(sold(CARD)), [*now, *first], consumer="till")

    assert found.finding.rule == "event-not-understood"
    assert "v1.0.0, which may still be in the topic" in found.finding.message


def test_event_that_nobody_can_compare_is_unknown() -> None:
    """A pattern that is not read proves nothing."""
    odd = {"type": "string", "pattern": "(?<=b)c"}
    sent = list(sent_by("shop", published((1, sold(TEXT)))))

    [found] = misheard(heard(sold(odd)), sent, consumer="till")

    assert told([found]) == [("shop", "event-not-understood-unknown", "unknown")]
