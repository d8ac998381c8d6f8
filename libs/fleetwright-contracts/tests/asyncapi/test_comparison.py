"""What a changed document of AsyncAPI does to those at the other end."""

import json
from pathlib import Path
from typing import Any

import pytest
from asyncapi.shop import ORDER, document, message, of

from fleetwright_contracts import (
    Finding,
    Severity,
    Unsupported,
    compare,
    compare_asyncapi,
)

ROOT = Path(__file__).parents[4]
WITH_NOTE = {**ORDER, "properties": {**ORDER["properties"], "note": {"type": "string"}}}
NEEDS_NOTE = {**WITH_NOTE, "required": ["id", "qty", "note"]}
NO_QTY = {
    "type": "object",
    "properties": {"id": {"type": "string"}},
    "required": ["id"],
}
STRICT = {**ORDER, "additionalProperties": False}


def positive(least: int) -> dict[str, Any]:
    """Return the payload with a least quantity."""
    qty = {"type": "integer", "minimum": least}
    return {**ORDER, "properties": {**ORDER["properties"], "qty": qty}}


def errors(findings: list[Finding]) -> list[str]:
    """Return the rules of the errors."""
    return [one.rule for one in findings if one.severity is Severity.ERROR]


CHANGES: list[tuple[str, str, Any, Any, list[str]]] = [
    ("nothing", "send", ORDER, ORDER, []),
    ("sends more", "send", ORDER, WITH_NOTE, []),
    ("sends less", "send", ORDER, NO_QTY, ["payload-widened"]),
    ("sends a lesser number", "send", positive(1), positive(0), ["payload-widened"]),
    ("sends greater numbers only", "send", positive(0), positive(1), []),
    ("optional gone", "send", WITH_NOTE, ORDER, ["payload-property-removed"]),
    ("reads more", "receive", ORDER, WITH_NOTE, []),
    ("reads less", "receive", ORDER, NO_QTY, []),
    ("needs more", "receive", ORDER, NEEDS_NOTE, ["payload-narrowed"]),
    (
        "refuses small numbers",
        "receive",
        positive(0),
        positive(1),
        ["payload-narrowed"],
    ),
    ("takes small numbers", "receive", positive(1), positive(0), []),
    ("has become strict", "receive", ORDER, STRICT, ["undeclared-refused"]),
    ("is strict no more", "receive", STRICT, ORDER, []),
]


@pytest.mark.parametrize(
    ("action", "old", "new", "rules"),
    [row[1:] for row in CHANGES],
    ids=[row[0] for row in CHANGES],
)
def test_publisher_is_closed_and_subscriber_open(
    action: str, old: Any, new: Any, rules: list[str]
) -> None:
    """What we send is read by the old document; what others sent by the new one."""
    assert errors(compare(of(action, old), of(action, new))) == rules


def test_value_is_shown_with_its_channel() -> None:
    """The witness is a payload; the place is that of the schema."""
    findings = compare(of("send", positive(1)), of("send", positive(0)))

    assert findings[0].where == "send orders.placed order payload"
    assert findings[0].witness is not None
    assert findings[0].witness.value["qty"] == 0
    assert findings[0].pointer == "/components/messages/order/payload"


MESSAGES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("content type", {}, {"contentType": "text/plain"}, ["content-type-changed"]),
    ("default content type", {}, {"contentType": "application/json"}, []),
    (
        "key of the runtime",
        {"x-fleet-key": "id"},
        {"x-fleet-key": "qty"},
        ["key-changed"],
    ),
    (
        "key on Kafka",
        {"bindings": {"kafka": {"key": {"type": "string", "maxLength": 3}}}},
        {"bindings": {"kafka": {"key": {"type": "string"}}}},
        ["key-widened"],
    ),
    (
        "key on Kafka gone",
        {"bindings": {"kafka": {"key": {"type": "string"}}}},
        {},
        ["key-changed"],
    ),
    (
        "headers",
        {"headers": {"type": "object", "properties": {"v": {"const": 1}}}},
        {"headers": {"type": "object", "properties": {"v": {"enum": [1, 2]}}}},
        ["headers-widened"],
    ),
    (
        "headers of a trait",
        {"traits": [{"headers": {"properties": {"v": {"const": 1}}}}]},
        {"headers": {"properties": {"v": {"const": 2}}}},
        ["headers-widened"],
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "rules"), [row[1:] for row in MESSAGES], ids=[r[0] for r in MESSAGES]
)
def test_what_is_around_the_payload_counts(
    old: dict[str, Any], new: dict[str, Any], rules: list[str]
) -> None:
    """How it is carried, its headers and its key."""
    assert errors(compare(of("send", ORDER, **old), of("send", ORDER, **new))) == rules


@pytest.mark.parametrize("action", ["send", "receive"])
def test_channels_and_messages_that_are_gone_are_told(action: str) -> None:
    """Who waits waits in vain, and who sends is not heard."""
    both = {"order": message(ORDER), "other": message({"type": "string"}, name="Other")}
    one = {"order": both["order"]}
    silent = document(action, both, operations={})

    gone = compare(document(action, both), document(action, one))
    added = compare(document(action, one), document(action, both))
    nothing = compare(document(action, both), silent)

    assert errors(gone) == ["message-removed"]
    expected = [("message-added", Severity.WARNING)] if action == "send" else []
    assert [(one.rule, one.severity) for one in added] == expected
    rule = "channel-silent" if action == "send" else "channel-unheard"
    assert errors(nothing) == [rule]


def test_message_is_known_by_its_author_s_name() -> None:
    """Another name in the channel is no other message."""
    old = document("send", {"order": message(ORDER), "b": message(True, name="B")})
    new = document("send", {"placed": message(ORDER), "b": message(True, name="B")})

    assert compare(old, new) == []


def test_replies_go_the_other_way() -> None:
    """What answers a question is sent by who receives it."""
    docs = []
    for payload in (positive(1), positive(0)):
        found = of("receive", ORDER)
        found["channels"]["back"] = {
            "address": "answers",
            "messages": {"answer": message(payload)},
        }
        found["operations"]["placing"]["reply"] = {
            "channel": {"$ref": "#/channels/back"}
        }
        docs.append(found)

    finding, *_ = compare(*docs)

    assert (finding.rule, finding.where.split()[0]) == ("payload-widened", "send")


def test_every_step_fits_and_all_together_do_not() -> None:
    """Messages of all versions are still kept, not of the last one only."""
    number = {"type": "object", "properties": {"n": {"type": "integer"}}}
    nothing = {"type": "object", "properties": {"m": {"type": "integer"}}}
    text = {"type": "object", "properties": {"n": {"type": "string"}}}
    first, second, third = (of("receive", one) for one in (number, nothing, text))

    steps = [errors(compare(first, second)), errors(compare(second, third))]
    found = compare_asyncapi(second, third, retained={"v1": first})

    assert steps == [[], []]
    assert errors(found) == ["payload-narrowed"]
    assert found[0].where == "receive orders.placed order payload, as v1 has it"


def test_kept_messages_are_to_be_read_by_the_new_document() -> None:
    """What the topic still has lacks what is promised now."""
    findings = compare(of("send", ORDER), of("send", NEEDS_NOTE))
    retained = compare_asyncapi(
        of("send", NEEDS_NOTE),
        of("send", NEEDS_NOTE),
        retained={"v1": of("send", ORDER)},
    )

    assert [(one.rule, one.severity) for one in findings] == [
        ("kept-message-refused", Severity.WARNING)
    ]
    assert errors(retained) == ["kept-message-refused"]


@pytest.mark.parametrize(
    ("payload", "severity"),
    [
        ({"schemaFormat": "application/vnd.apache.avro", "schema": {}}, "unknown"),
        (
            {"schemaFormat": "application/schema+json;version=draft-07", "schema": {}},
            "",
        ),
    ],
)
def test_schemas_of_other_languages_are_unknown(payload: Any, severity: str) -> None:
    """They are neither fine nor broken, and it is said where they stand."""
    findings = compare(of("send", payload), of("send", {**payload, "x-other": 1}))

    assert [one.severity for one in findings] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"operations": {"a": {"action": "hear"}}}, "`send` or `receive` belongs here"),
        ({"operations": {"a": {"action": "send"}}}, "a channel belongs here"),
        ({"operations": {"a": {"$ref": "#/nowhere"}}}, "leads nowhere"),
    ],
)
def test_broken_documents_are_told(said: dict[str, Any], words: str) -> None:
    """What is wrong, and where."""
    with pytest.raises(Exception, match=words):
        compare(of("send", ORDER), {**of("send", ORDER), **said})


def test_another_version_is_not_read() -> None:
    """AsyncAPI 2 says the same in other words."""
    with pytest.raises(Unsupported, match="of AsyncAPI is not read"):
        compare({"asyncapi": "2.6.0"}, {"asyncapi": "2.6.0"})


def test_documents_of_the_shop_fit_themselves() -> None:
    """What the runtime writes is read."""
    files = list(ROOT.glob("services/*/contracts/asyncapi.json"))

    assert len(files) >= 5
    for file in files:
        found = json.loads(file.read_text("utf-8"))
        assert compare(found, json.loads(json.dumps(found))) == []
