"""A small description of OpenAPI, to be changed by each test."""

from copy import deepcopy
from typing import Any

from fleetwright_contracts import Finding, Severity, compare_openapi

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
        "note": {"type": "string"},
    },
    "required": ["id", "items"],
}
ITEM: dict[str, Any] = {
    "type": "object",
    "properties": {"sku": {"type": "string"}, "qty": {"type": "integer"}},
    "required": ["sku", "qty"],
}


def body(name: str) -> dict[str, Any]:
    """Return a content of JSON."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


SHOP: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "shop", "version": "1"},
    "paths": {
        "/orders": {
            "post": {
                "parameters": [
                    {"name": "dry", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "X-Run", "in": "header", "schema": {"type": "string"}},
                ],
                "requestBody": {"required": True, "content": body("Item")},
                "responses": {
                    "201": {
                        "description": "made",
                        "content": body("Order"),
                        "headers": {
                            "Location": {
                                "required": True,
                                "schema": {"type": "string", "maxLength": 200},
                            }
                        },
                    },
                    "404": {"description": "no such sku"},
                },
                "security": [{"token": ["write"]}, {"key": []}],
            }
        },
        "/orders/{id}": {
            "get": {
                "parameters": [
                    {
                        "name": "id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "maxLength": 40},
                    },
                    {
                        "name": "part",
                        "in": "query",
                        "schema": {"type": "array", "items": {"type": "string"}},
                    },
                ],
                "responses": {"200": {"description": "it", "content": body("Order")}},
            }
        },
    },
    "webhooks": {
        "shipped": {
            "post": {
                "requestBody": {"required": True, "content": body("Order")},
                "responses": {"204": {"description": "heard"}},
            }
        }
    },
    "components": {
        "schemas": {"Order": ORDER, "Item": ITEM},
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer"},
            "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        },
    },
}
PLACE = SHOP["paths"]["/orders"]["post"]
READ = SHOP["paths"]["/orders/{id}"]["get"]


def changed(*tokens: str, to: Any = None) -> dict[str, Any]:
    """Return the shop with something else at a place, or without it."""
    found = deepcopy(SHOP)
    inner: Any = found
    for token in tokens[:-1]:
        inner = inner[int(token) if isinstance(inner, list) else token]
    last = tokens[-1]
    if isinstance(inner, list):
        inner[int(last)] = to
    elif to is None:
        del inner[last]
    else:
        inner[last] = to
    return found


def errors(old: Any, new: Any) -> list[Finding]:
    """Return the findings that break."""
    found = compare_openapi(old, new)
    return [one for one in found if one.severity is Severity.ERROR]


def rules(old: Any, new: Any) -> dict[str, str]:
    """Return the severity of each rule that was found."""
    return {one.rule: one.severity.value for one in compare_openapi(old, new)}
