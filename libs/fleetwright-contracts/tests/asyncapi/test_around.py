"""What is around messages, object by object of the specification."""

from copy import deepcopy
from typing import Any

import pytest
from asyncapi.shop import ORDER, of

from fleetwright_contracts import compare

DOCUMENT = of("send", ORDER)
DOCUMENT["channels"]["placed"]["address"] = "orders.{region}.placed"
DOCUMENT["servers"] = {
    "main": {
        "host": "broker.example:5672",
        "protocol": "amqp",
        "security": [{"$ref": "#/components/securitySchemes/token"}],
    }
}
DOCUMENT["components"]["securitySchemes"] = {
    "token": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "user"},
}
MESSAGE = ("components", "messages", "order")
PLACING = ("operations", "placing")
PLACED = ("channels", "placed")
SERVER = ("servers", "main")
AVRO = {"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": {"a": 1}}


def document(
    *changes: tuple[tuple[str, ...], Any], action: str = "send"
) -> dict[str, Any]:
    """Return the document with something else at some places."""
    found = deepcopy(DOCUMENT)
    found["operations"]["placing"]["action"] = action
    for tokens, value in changes:
        inner = found
        for token in tokens[:-1]:
            inner = inner.setdefault(token, {})
        inner[tokens[-1]] = value
    return found


def told(old: Any, new: Any) -> list[str]:
    """Return what was found: rules and how much they matter."""
    return sorted({f"{one.rule} {one.severity}" for one in compare(old, new)})


def values(*listed: str) -> Any:
    """Return the parameters of the address."""
    return {"region": {"enum": list(listed)}}


ROWS: list[tuple[str, tuple[str, ...], Any, Any, list[str]]] = [
    (
        "correlation moved",
        (*MESSAGE, "correlationId"),
        {"location": "$message.header#/id"},
        {"location": "$message.payload#/id"},
        ["correlation-changed error"],
    ),
    (
        "correlation described",
        (*MESSAGE, "correlationId"),
        {"location": "$message.header#/id"},
        {"location": "$message.header#/id", "description": "so"},
        [],
    ),
    (
        "topic on Kafka",
        (*PLACED, "bindings"),
        {"kafka": {"topic": "a", "partitions": 3, "bindingVersion": "0.4.0"}},
        {"kafka": {"topic": "b", "partitions": 6, "bindingVersion": "0.5.0"}},
        ["binding-changed error"],
    ),
    (
        "exchange of AMQP",
        (*PLACED, "bindings"),
        {"amqp": {"is": "routingKey", "exchange": {"name": "a", "type": "topic"}}},
        {"amqp": {"is": "routingKey", "exchange": {"name": "a", "type": "fanout"}}},
        ["binding-changed error"],
    ),
    (
        "routing keys of AMQP",
        (*PLACING, "bindings"),
        {"amqp": {"cc": ["orders.placed"], "priority": 1}},
        {"amqp": {"cc": ["orders.made"], "priority": 2}},
        ["binding-changed error"],
    ),
    (
        "encoding on AMQP",
        (*MESSAGE, "bindings"),
        {"amqp": {"contentEncoding": "gzip"}},
        {"amqp": {"contentEncoding": "identity"}},
        ["binding-changed error"],
    ),
    (
        "group on Kafka",
        (*PLACING, "bindings"),
        {"kafka": {"groupId": {"enum": ["a"]}}},
        {"kafka": {"groupId": {"enum": ["b"]}}},
        [],
    ),
    (
        "binding that is not known",
        (*PLACED, "bindings"),
        {"pulsar": {"namespace": "a"}},
        {"pulsar": {"namespace": "b"}},
        ["binding-changed-unknown unknown"],
    ),
    (
        "host",
        (*SERVER, "host"),
        "broker.example:5672",
        "other.example:5672",
        ["server-changed error"],
    ),
    ("protocol", (*SERVER, "protocol"), "amqp", "amqps", ["server-changed error"]),
    ("server described", (*SERVER, "description"), "a", "b", []),
    (
        "way in",
        (*SERVER, "security"),
        [{"$ref": "#/components/securitySchemes/token"}],
        [{"$ref": "#/components/securitySchemes/key"}],
        ["security-tightened error"],
    ),
    (
        "way in beside",
        (*SERVER, "security"),
        [{"$ref": "#/components/securitySchemes/token"}],
        [
            {"$ref": "#/components/securitySchemes/key"},
            {"$ref": "#/components/securitySchemes/token"},
        ],
        [],
    ),
    (
        "operation that was open",
        (*PLACING, "security"),
        [],
        [{"type": "userPassword"}],
        ["security-tightened error"],
    ),
    (
        "content type with its charset",
        (*MESSAGE, "contentType"),
        "application/json",
        "application/json; charset=UTF-8",
        [],
    ),
    (
        "content type of a trait",
        (*MESSAGE, "traits"),
        [{"contentType": "application/json"}],
        [{"contentType": "application/cbor"}],
        ["content-type-changed error"],
    ),
    (
        "headers of two traits",
        (*MESSAGE, "traits"),
        [{"headers": {"type": "object"}}],
        [{"headers": {"type": "object"}}, {"headers": {"required": ["a"]}}],
        ["unreadable unknown"],
    ),
    ("another language", (*MESSAGE, "payload"), AVRO, deepcopy(AVRO), []),
    (
        "another language, changed",
        (*MESSAGE, "payload"),
        AVRO,
        {**AVRO, "schema": {"a": 2}},
        ["unreadable unknown"],
    ),
    (
        "a draft that is read otherwise",
        (*MESSAGE, "payload"),
        {"schemaFormat": "application/schema+json;version=2020-12", "schema": {}},
        {
            "schemaFormat": "application/schema+json;version=2020-12",
            "schema": {"prefixItems": [{"type": "string"}]},
        },
        ["unreadable unknown"],
    ),
]


@pytest.mark.parametrize(
    ("place", "old", "new", "expected"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_change_around_messages_is_what_it_is(
    place: tuple[str, ...], old: Any, new: Any, expected: list[str]
) -> None:
    """Rule and severity, and nothing beside."""
    one, other = document((place, old)), document((place, new))

    assert told(one, other) == expected
    assert told(one, deepcopy(one)) == told(other, deepcopy(other)) == []


def test_parameter_of_an_address_may_be_called_otherwise() -> None:
    """A broker sees the address with the value in it."""
    new = document(((*PLACED, "address"), "orders.{country}.placed"))

    assert told(document(), new) == []
    assert "channel-silent error" in told(
        document(), document(((*PLACED, "address"), "orders.placed.{region}"))
    )


@pytest.mark.parametrize(
    ("action", "old", "new", "expected"),
    [
        ("send", values("a"), values("a", "b"), ["address-widened error"]),
        ("send", values("a", "b"), values("a"), []),
        ("send", values("a"), {"region": {}}, ["address-widened error"]),
        ("receive", values("a", "b"), values("a"), ["address-narrowed error"]),
        ("receive", values("a"), values("a", "b"), []),
        (
            "send",
            {"region": {"location": "$message.payload#/a"}},
            {"region": {"location": "$message.payload#/b"}},
            ["address-changed error"],
        ),
    ],
)
def test_values_of_an_address_go_with_who_sends(
    action: str, old: Any, new: Any, expected: list[str]
) -> None:
    """Who sends must reach a reader, who reads must hear what is sent."""
    place = (*PLACED, "parameters")

    found = told(
        document((place, old), action=action), document((place, new), action=action)
    )

    assert found == expected


def test_reply_is_told_where_to_go() -> None:
    """Its address and its messages count although there is no channel for it."""

    def asking(location: str, least: int) -> Any:
        answer = {"payload": {"type": "integer", "minimum": least}}
        reply = {"address": {"location": location}, "messages": [answer]}
        return document(((*PLACING, "reply"), reply), action="receive")

    one = asking("$message.header#/to", 1)

    assert told(one, asking("$message.header#/back", 1)) == ["reply-changed error"]
    assert "payload-widened error" in told(one, asking("$message.header#/to", 0))
    assert "reply-removed error" in told(one, document(action="receive"))


def test_server_that_is_gone_is_told() -> None:
    """Others connect to it."""
    assert told(DOCUMENT, {**DOCUMENT, "servers": {}}) == ["server-removed error"]
