"""Values of files that others wrote, by their path of keys and whatever their shape."""

from typing import Any


def value_at(document: Any, *keys: str) -> Any:
    """Return what is at a path of keys; None where there is nothing.

    Args:
        document: What a file holds.
        keys: The keys of the tables on the way, and the last one.
    """
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def table_at(document: Any, *keys: str) -> dict[str, Any]:
    """Return the table at a path of keys; an empty one for anything else.

    Args:
        document: What a file holds.
        keys: The keys of the tables on the way, and the last one.
    """
    found = value_at(document, *keys)
    return found if isinstance(found, dict) else {}


def list_at(document: Any, *keys: str) -> list[Any]:
    """Return the list at a path of keys; an empty one for anything else.

    Args:
        document: What a file holds.
        keys: The keys of the tables on the way, and the last one.
    """
    found = value_at(document, *keys)
    return found if isinstance(found, list) else []


def words_at(document: Any, *keys: str) -> list[str]:
    """Return the texts of a list at a path of keys, or the words of one text there.

    Args:
        document: What a file holds.
        keys: The keys of the tables on the way, and the last one.
    """
    found = value_at(document, *keys)
    if isinstance(found, str):
        return found.split()
    return [one for one in list_at(document, *keys) if isinstance(one, str)]
