"""Each kind of change to a description, as its users would feel it."""

from copy import deepcopy
from datetime import date
from typing import Any

import pytest
from openapi.shop import ITEM, ORDER, PLACE, READ, SHOP, changed, errors, rules

from fleetwright_contracts import (
    Severity,
    Unreadable,
    Unsupported,
    Verdict,
    compare_openapi,
    verdict_of,
)

POST = ("paths", "/orders", "post")
GET = ("paths", "/orders/{id}", "get")
SCHEMAS = ("components", "schemas")


def with_property(schema: dict[str, Any], name: str, said: Any) -> dict[str, Any]:
    """Return a schema with one property said otherwise."""
    return {**schema, "properties": {**schema["properties"], name: said}}


def test_nothing_changed_nothing_found() -> None:
    """A description fits itself."""
    assert compare_openapi(SHOP, deepcopy(SHOP)) == []
    assert verdict_of([]) is Verdict.FITS


def test_narrowed_request_is_shown_by_a_value() -> None:
    """The witness is a request that was fine, found where it is read."""
    item = with_property(ITEM, "qty", {"type": "integer", "minimum": 1})

    found = errors(SHOP, changed(*SCHEMAS, "Item", to=item))

    assert [one.rule for one in found] == ["request-narrowed"]
    assert found[0].witness is not None
    assert found[0].witness.value == {"sku": "", "qty": 0}
    assert found[0].where == "POST /orders request application/json"
    assert found[0].pointer.startswith("/paths/~1orders/post/requestBody")


def test_widened_response_and_webhook_are_found_and_narrowed_ones_are_not() -> None:
    """What we send may become less, never more."""
    wider = {**ORDER, "properties": {**ORDER["properties"], "id": {"type": "string"}}}
    narrower = with_property(ORDER, "note", {"type": "string", "maxLength": 9})

    found = errors(SHOP, changed(*SCHEMAS, "Order", to=wider))

    assert {one.where.split(" ")[0] for one in found} == {"POST", "GET", "webhook"}
    assert rules(SHOP, changed(*SCHEMAS, "Order", to=narrower)) == {}


def test_optional_property_that_is_gone_counts_as_read() -> None:
    """As long as nobody says who reads what, somebody may."""
    properties = {name: ORDER["properties"][name] for name in ("id", "items")}

    found = errors(
        SHOP, changed(*SCHEMAS, "Order", to={**ORDER, "properties": properties})
    )

    expected = {"response-property-removed", "webhook-property-removed"}
    assert {one.rule for one in found} == expected
    assert "`note`" in found[0].message
    assert found[0].is_in_old


def test_new_properties_fit_on_both_ways() -> None:
    """Readers ignore what they do not know, and nobody has to send what is optional."""
    order = with_property(ORDER, "colour", {"type": "string"})
    item = with_property(ITEM, "gift", {"type": "boolean"})

    assert rules(SHOP, changed(*SCHEMAS, "Order", to=order)) == {}
    assert rules(SHOP, changed(*SCHEMAS, "Item", to=item)) == {}


def test_refusing_what_is_not_declared_is_a_finding_of_its_own() -> None:
    """Clients that send more than they should were fine so far."""
    item = {**ITEM, "additionalProperties": False}

    found = errors(SHOP, changed(*SCHEMAS, "Item", to=item))

    assert [one.rule for one in found] == ["undeclared-refused"]
    assert found[0].witness is not None
    assert "undeclared" in found[0].witness.value


READ_ONLY = {"type": "string", "readOnly": True}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (changed(*POST), {"operation-removed": "error"}),
        (changed(*POST, "requestBody"), {"body-ignored": "warning"}),
        (
            changed(*POST, "requestBody", "content", to={"text/plain": {}}),
            {"media-type-refused": "error"},
        ),
        (
            changed(
                *POST,
                "requestBody",
                "content",
                to={"*/*": PLACE["requestBody"]["content"]["application/json"]},
            ),
            {},
        ),
        (changed(*POST, "responses", "201"), {"status-removed": "error"}),
        (
            changed(*POST, "responses", "409", to={"description": "twice"}),
            {"status-added": "note"},
        ),
        (
            changed(*POST, "responses", "202", to={"description": "later"}),
            {"status-added": "warning"},
        ),
        (
            changed(*POST, "responses", "201", "content"),
            {"response-media-type-removed": "error"},
        ),
        (
            changed(*POST, "responses", "201", "content", to={"application/xml": {}}),
            {"response-media-type-removed": "error"},
        ),
        (
            changed(*POST, "responses", "404", "content", to={"text/plain": {}}),
            {"response-body-added": "warning"},
        ),
        (changed(*POST, "responses", "201", "headers"), {"header-removed": "error"}),
        (
            changed(
                *POST,
                "responses",
                "201",
                "headers",
                "Location",
                to={"required": True, "schema": {"type": "string"}},
            ),
            {"header-widened": "error"},
        ),
        (changed(*POST, "parameters", to=[]), {"parameter-ignored": "warning"}),
        (
            changed(
                *POST,
                "parameters",
                "0",
                to={**PLACE["parameters"][0], "required": True},
            ),
            {"parameter-required": "error"},
        ),
        (
            changed(
                *POST,
                "parameters",
                to=[
                    *PLACE["parameters"],
                    {"name": "a", "in": "query", "required": True},
                ],
            ),
            {"parameter-required": "error"},
        ),
        (
            changed(*POST, "parameters", "0", "schema", to={"type": "string"}),
            {},
        ),
        (
            changed(*POST, "parameters", "0", "schema", to={"type": "integer"}),
            {"parameter-narrowed": "error"},
        ),
        (
            changed(
                *POST,
                "parameters",
                "1",
                to={"name": "x-run", "in": "header", "schema": {"type": "string"}},
            ),
            {},
        ),
        (
            changed(
                *GET, "parameters", "1", to={**READ["parameters"][1], "explode": False}
            ),
            {"parameter-style": "error"},
        ),
        (
            changed(*POST, "security", to=[{"key": []}]),
            {"security-tightened": "error"},
        ),
        (changed(*POST, "security", to=[{}]), {}),
        (
            changed(*POST, "security", to=[{"token": []}, {"key": []}]),
            {},
        ),
        (
            changed("components", "securitySchemes", "key", "name", to="X-Other"),
            {"security-scheme-changed": "error"},
        ),
        (changed(*POST, "deprecated", to=True), {"deprecated": "note"}),
        (changed("webhooks", "shipped"), {"webhook-removed": "error"}),
        (
            changed(*SCHEMAS, "Item", to=with_property(ITEM, "made", READ_ONLY)),
            {},
        ),
        (
            changed(*SCHEMAS, "Item", to={"$ref": "#/components/schemas/Nowhere"}),
            {
                "request-narrowed-unknown": "unknown",
                "response-widened-unknown": "unknown",
            },
        ),
        (
            changed(*POST, "parameters", "0", to=3),
            {"unreadable": "unknown"},
        ),
    ],
)
def test_change_is_found_for_what_it_is(new: Any, expected: dict[str, str]) -> None:
    """Rule and severity, and nothing beside."""
    if expected == {"unreadable": "unknown"}:
        with pytest.raises(Unreadable, match="a parameter belongs here"):
            compare_openapi(SHOP, new)
        return
    found = rules(SHOP, new)
    if "request-narrowed-unknown" in expected:
        assert set(found.values()) == {"unknown"}
    else:
        assert found == expected


def test_added_security_locks_out_whoever_asked_without() -> None:
    """A way in that asked for nothing is lost."""
    found = errors(changed(*POST, "security"), SHOP)

    assert [one.rule for one in found] == ["security-tightened"]
    assert "without a token" in found[0].message


def test_renamed_path_parameter_is_the_same_operation() -> None:
    """Callers write values, not names."""
    new = deepcopy(SHOP)
    item = new["paths"].pop("/orders/{id}")
    item["get"]["parameters"][0]["name"] = "number"
    new["paths"]["/orders/{number}"] = item

    assert compare_openapi(SHOP, new) == []


def test_new_path_that_takes_requests_away_is_found() -> None:
    """A value of the parameter that is now the name of something else."""
    new = deepcopy(SHOP)
    new["paths"]["/orders/latest"] = {"get": {"responses": {}}}

    found = errors(SHOP, new)

    assert [(one.rule, one.where) for one in found] == [
        ("path-shadowed", "GET /orders/{id}")
    ]
    assert found[0].witness is not None
    assert found[0].witness.value == "GET /orders/latest"


def test_new_path_that_was_no_valid_request_takes_nothing_away() -> None:
    """Where the parameter is a number, a word was never asked for."""
    old = changed(*GET, "parameters", "0", "schema", to={"type": "integer"})
    new = deepcopy(old)
    new["paths"]["/orders/latest"] = {"get": {"responses": {}}}

    assert compare_openapi(old, new) == []


def test_operation_may_go_when_its_sunset_is_past() -> None:
    """What was announced is no surprise."""
    old = deepcopy(SHOP)
    old["paths"]["/orders"]["post"].update(
        {"deprecated": True, "x-sunset": "2026-01-01"}
    )
    new = changed(*POST)

    early = compare_openapi(old, new, today=date(2025, 12, 31))
    late = compare_openapi(old, new, today=date(2026, 1, 1))

    assert early[0].severity is Severity.ERROR
    assert late[0].severity is Severity.NOTE


def test_one_value_is_a_list_of_one_in_a_query() -> None:
    """Lists are written as the parameter several times."""
    old = changed(*GET, "parameters", "1", "schema", to={"type": "string"})

    assert compare_openapi(old, SHOP) == []
    assert errors(SHOP, old) != []


def test_openapi_30_says_null_its_own_way() -> None:
    """`nullable` counts, and the independent validator knows it."""
    old = {**deepcopy(SHOP), "openapi": "3.0.3"}
    new = deepcopy(old)
    new["components"]["schemas"]["Order"] = with_property(
        ORDER, "note", {"type": "string", "nullable": True}
    )

    found = errors(old, new)

    assert {one.rule for one in found} == {"response-widened", "webhook-widened"}
    assert found[0].witness is not None
    assert found[0].witness.value["note"] is None
    assert errors(new, old) == []


@pytest.mark.parametrize(
    ("document", "error", "words"),
    [
        ([], Unreadable, "no document of OpenAPI"),
        ({"swagger": "2.0"}, Unsupported, "'2.0'"),
        ({"openapi": "4.0.0"}, Unsupported, "'4.0.0'"),
        ({"openapi": "3.1.0", "paths": []}, Unreadable, "an object belongs here"),
        ({"openapi": "3.1.0", "paths": {"/a": 1}}, Unreadable, "a path belongs here"),
        (
            {"openapi": "3.1.0", "paths": {"/a": {"get": 1}}},
            Unreadable,
            "an operation belongs here",
        ),
    ],
)
def test_what_is_no_description_is_told(
    document: Any, error: type[Exception], words: str
) -> None:
    """The error says what is wrong with the file."""
    with pytest.raises(error, match=words):
        compare_openapi(document, document)


def test_circle_of_references_is_told_where_it_is() -> None:
    """It ends, with the operation in which it was met."""
    new = deepcopy(SHOP)
    new["components"]["responses"] = {
        "A": {"$ref": "#/components/responses/B"},
        "B": {"$ref": "#/components/responses/A"},
    }
    new["paths"]["/orders"]["post"]["responses"]["201"] = {
        "$ref": "#/components/responses/A"
    }

    found = compare_openapi(SHOP, new)

    assert [(one.rule, one.where) for one in found] == [("unreadable", "POST /orders")]
    assert "circle" in found[0].message


def test_callback_is_asked_by_us() -> None:
    """Its direction is the other way round."""
    old, new = deepcopy(SHOP), deepcopy(SHOP)
    for document, states in ((old, ["a"]), (new, ["a", "b"])):
        content = {"application/json": {"schema": {"enum": states}}}
        hook = {"post": {"requestBody": {"content": content}, "responses": {}}}
        place = document["paths"]["/orders"]["post"]
        place["callbacks"] = {"done": {"{$request.query.url}": hook}}

    found = errors(old, new)

    assert [one.rule for one in found] == ["webhook-widened"]
    assert errors(new, old) == []
