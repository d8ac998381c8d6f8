"""A document of AsyncAPI, and its parts to be changed."""

from typing import Any

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "qty": {"type": "integer"}},
    "required": ["id", "qty"],
}


def message(payload: Any, **said: Any) -> dict[str, Any]:
    """Return a message."""
    return {"name": "OrderPlaced", "payload": payload, **said}


def document(
    action: str = "send", messages: dict[str, Any] | None = None, **said: Any
) -> dict[str, Any]:
    """Return a document with one operation on one channel."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "orders", "version": "1"},
        "channels": {
            "placed": {
                "address": "orders.placed",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"}
                    for name in messages or {}
                },
            }
        },
        "operations": {
            "placing": {"action": action, "channel": {"$ref": "#/channels/placed"}}
        },
        "components": {"messages": messages or {}},
        **said,
    }


def of(action: str, payload: Any, **said: Any) -> dict[str, Any]:
    """Return a document with one message."""
    return document(action, {"order": message(payload, **said)})
