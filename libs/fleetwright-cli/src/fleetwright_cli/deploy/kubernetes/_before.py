"""What a release finds, as an earlier one said it: the way back.

A server that applies keeps, for each manager, the fields it has said: `managedFields`.
Said again by the same manager, they bring an object back to what it was, and touch no
field of anybody else. `kubectl rollout undo` would not do: it changes pods alone, and
as another manager, so that the next release would find a conflict.
"""

import json
from collections.abc import Mapping
from typing import Any

from fleetwright_cli.deploy.kubernetes._cluster import at, name_of
from fleetwright_cli.deploy.kubernetes._words import Object

_FIELD, _ITEM, _VALUE = "f:", "k:", "v:"


def said_by(manager: str, found: Object) -> Object:
    """Return an object as a manager has applied it; bare when it has not.

    Args:
        manager: The manager.
        found: The object as the server has it, with its `managedFields`.
    """
    fields: Mapping[str, Any] = {}
    for one in at(found, "metadata", "managedFields") or ():
        its_own = (one.get("manager"), one.get("operation")) == (manager, "Apply")
        if its_own and not one.get("subresource"):
            fields = one["fieldsV1"]
    said: Object = _part(found, fields) if fields else {}
    identity = {"name": name_of(found), "namespace": found["metadata"]["namespace"]}
    return said | {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": said.get("metadata", {}) | identity,
    }


def _part(value: Any, fields: Mapping[str, Any]) -> Any:
    """Return what fields name of a value: all of it when they name nothing inside."""
    inside = {key: one for key, one in fields.items() if key != "."}
    if not inside:
        return value
    if isinstance(value, dict):
        return {
            name: _part(value[name], one)
            for key, one in inside.items()
            if (name := key.removeprefix(_FIELD)) in value
        }
    found = []
    for item in value:
        for key, one in inside.items():
            if _is_meant(item, key):
                found.append(_part(item, one))
    return found


def _is_meant(item: Any, key: str) -> bool:
    """Return whether a key of a list names this item, by fields or by its value."""
    kind, said = key[:2], json.loads(key[2:])
    if kind == _VALUE:
        return bool(item == said)
    return kind == _ITEM and said.items() <= item.items()
