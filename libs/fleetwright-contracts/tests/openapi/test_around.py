"""What is said around schemas: media types, ranges of statuses, servers, forms."""

from copy import deepcopy
from typing import Any

import pytest
from openapi.shop import SHOP, changed, rules

POST = ("paths", "/orders", "post")
BODY = (*POST, "requestBody", "content")
ANSWER = (*POST, "responses", "201", "content")
DRY = (*POST, "parameters", "0")
SHIPPED = ("webhooks", "shipped", "post", "requestBody", "content", "application/json")
NUMBER = {"schema": {"type": "integer"}}
TEXT = {"schema": {"type": "string"}}
SMALL = {"schema": {"type": "integer", "maximum": 9}}


def dry(**said: Any) -> dict[str, Any]:
    """Return the shop with another parameter `dry`."""
    known = {"name": "dry", "in": "query", "schema": {"type": "boolean"}}
    told = {name: one for name, one in {**known, **said}.items() if one is not None}
    return changed(*DRY, to=told)


def at(*tokens: str) -> Any:
    """Return a change of one place."""
    return lambda value: changed(*tokens, to=value)


REQUESTS = at(*BODY)
ANSWERS = at(*ANSWER)
STATUSES = at(*POST, "responses")
HOOK = {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}}
CALLBACK = {"post": {"responses": {"200": {"description": ""}}}}
BROKEN = {"description": "", "content": {"application/json": NUMBER}}
REFUSED = {"description": "", "content": {"application/json": TEXT}}
FORM = {"schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
ROWS: list[tuple[str, Any, Any, dict[str, str]]] = [
    (
        "charset is no other media type",
        REQUESTS({"application/json": NUMBER}),
        REQUESTS({"application/json; charset=utf-8": NUMBER}),
        {},
    ),
    (
        "version in a media type",
        REQUESTS({"application/json;v=1": NUMBER, "application/json;v=2": TEXT}),
        REQUESTS({"application/json;v=2": TEXT}),
        {"media-type-refused": "error"},
    ),
    (
        "versions in any order",
        REQUESTS({"application/json;v=1": NUMBER, "application/json;v=2": TEXT}),
        REQUESTS({"application/json;v=2": TEXT, "application/json;v=1": NUMBER}),
        {},
    ),
    (
        "any version",
        REQUESTS({"application/json;v=1": NUMBER}),
        REQUESTS({"application/json": NUMBER}),
        {},
    ),
    (
        "range of media types is gone",
        REQUESTS({"*/*": NUMBER}),
        REQUESTS({"application/json": NUMBER}),
        {"media-type-refused": "error"},
    ),
    (
        "one of two media types of an answer is gone",
        ANSWERS({"application/json": NUMBER, "text/csv": TEXT}),
        ANSWERS({"application/json": NUMBER}),
        {"response-media-type-removed": "error"},
    ),
    (
        "range of an answer narrowed",
        ANSWERS({"application/*": NUMBER}),
        ANSWERS({"application/json": NUMBER}),
        {},
    ),
    (
        "range of an answer says something else",
        ANSWERS({"application/json": NUMBER}),
        ANSWERS({"application/*": TEXT}),
        {"response-widened": "error"},
    ),
    (
        "range of statuses says the same",
        STATUSES({"201": {"description": ""}, "404": REFUSED}),
        STATUSES({"201": {"description": ""}, "4XX": REFUSED}),
        {"status-added": "note"},
    ),
    (
        "range of statuses says something else",
        STATUSES({"201": {"description": ""}, "404": REFUSED}),
        STATUSES({"201": {"description": ""}, "4XX": BROKEN}),
        {"status-added": "note", "response-widened": "error"},
    ),
    (
        "status out of a range says something else",
        STATUSES({"201": {"description": ""}, "4XX": REFUSED}),
        STATUSES({"201": {"description": ""}, "404": BROKEN}),
        {"response-widened": "error"},
    ),
    ("moved", SHOP, dry(**{"in": "header"}), {"parameter-moved": "error"}),
    (
        "moved, and read where it was",
        SHOP,
        changed(
            *POST,
            "parameters",
            to=[
                *SHOP["paths"]["/orders"]["post"]["parameters"],
                {"name": "Dry", "in": "header", "schema": {"type": "boolean"}},
            ],
        ),
        {},
    ),
    (
        "reserved signs",
        dry(allowReserved=True),
        dry(),
        {"parameter-encoding-unknown": "unknown"},
    ),
    ("reserved signs allowed", dry(), dry(allowReserved=True), {}),
    (
        "no value",
        dry(allowEmptyValue=True),
        dry(),
        {"parameter-encoding-unknown": "unknown"},
    ),
    ("deprecated", dry(), dry(deprecated=True), {"deprecated": "note"}),
    (
        "another default",
        dry(schema={"type": "boolean", "default": False}),
        dry(schema={"type": "boolean", "default": True}),
        {"parameter-default-changed": "warning"},
    ),
    (
        "default added",
        dry(),
        dry(schema={"type": "boolean", "default": True}),
        {},
    ),
    (
        "no text but JSON",
        dry(schema=None, content={"application/json": NUMBER}),
        dry(schema=None, content={"application/json": TEXT}),
        {"parameter-narrowed": "error"},
    ),
    (
        "JSON becomes text",
        dry(schema=None, content={"application/json": NUMBER}),
        dry(schema={"type": "integer"}),
        {"parameter-form": "unknown"},
    ),
    (
        "part of a form",
        REQUESTS(
            {"multipart/form-data": {**FORM, "encoding": {"a": {"style": "form"}}}}
        ),
        REQUESTS({"multipart/form-data": FORM}),
        {"body-encoding-unknown": "unknown"},
    ),
    (
        "optional property of a webhook",
        changed(*SHIPPED, to={"schema": HOOK}),
        changed(*SHIPPED, to={"schema": {**HOOK, "properties": {"b": {}}}}),
        {"webhook-property-removed": "error"},
    ),
    (
        "address of a callback",
        changed(*POST, "callbacks", to={"done": {"{$request.query.url}": CALLBACK}}),
        changed(*POST, "callbacks", to={"done": {"{$request.body#/url}": CALLBACK}}),
        {"webhook-removed": "error"},
    ),
    (
        "no server is the same",
        changed("servers", to=[{"url": "https://a.example/v1/"}]),
        changed("servers", to=[{"url": "https://a.example/v2"}]),
        {"server-removed": "error"},
    ),
    (
        "one of two servers",
        changed("servers", to=[{"url": "/a"}, {"url": "/b"}]),
        changed("servers", to=[{"url": "/b/"}]),
        {"server-removed": "warning"},
    ),
    (
        "servers of a path",
        changed("paths", "/orders", "servers", to=[{"url": "/a"}]),
        changed("paths", "/orders", "servers", to=[{"url": "/b"}]),
        {"server-removed": "error"},
    ),
    (
        "sooner than was said",
        at(*POST, "x-sunset")("2030-01-01"),
        at(*POST, "x-sunset")("2029-01-01"),
        {"sunset-changed": "warning"},
    ),
    (
        "later than was said",
        at(*POST, "x-sunset")("2030-01-01"),
        at(*POST, "x-sunset")("2031-01-01"),
        {},
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_change_around_schemas_is_what_it_is(
    old: Any, new: Any, expected: dict[str, str]
) -> None:
    """Rule and severity, and nothing beside."""
    assert rules(old, new) == expected
    assert rules(old, deepcopy(old)) == rules(new, deepcopy(new)) == {}
