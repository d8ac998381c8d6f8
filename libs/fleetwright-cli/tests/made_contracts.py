"""Contracts made by hand: who promises a price, who asks for it, who hears of it."""

import json
import os
from pathlib import Path
from typing import Any

CLIENT = '"""Whom orders calls."""\n\n\nclass Catalog:\n    def quotes(self): ...\n'
EVENTS = '"""What stock hears."""\n\n\nclass OrderPlaced: ...\n'


def api(price: dict[str, Any], status: str = "200") -> dict[str, Any]:
    """Return a document with one operation that answers a price."""
    schema = {
        "type": "object",
        "properties": {"price": price},
        "required": ["price"],
    }
    answer = {"description": "ok", "content": {"application/json": {"schema": schema}}}
    operation = {"operationId": "quotes", "responses": {status: answer}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "it", "version": "0"},
        "paths": {"/v1/quotes": {"get": operation}},
    }


def sends(topic: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return a document of who publishes one event."""
    message = {"payload": payload, "x-fleet-version": 1}
    channel = {"address": topic, "messages": {"it": message}}
    reference = {"$ref": "#/channels/it"}
    said = [{"$ref": "#/channels/it/messages/it"}]
    operation = {"action": "send", "channel": reference, "messages": said}
    return {
        "asyncapi": "3.0.0",
        "channels": {"it": channel},
        "operations": {"it": operation},
    }


def freeze(root: Path, service: str, kind: str, document: object) -> None:
    """Write a contract of a service, newer than what was there."""
    file = root / "services" / service / "contracts" / f"{kind}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(document), "utf-8")
    later = file.stat().st_mtime_ns + 1_000_000
    os.utime(file, ns=(later, later))
