"""What a part is called, and what it offers: any object may be one."""

from collections.abc import Awaitable, Callable
from typing import Any


def kind_of(part: object) -> object:
    """Return the kind a part is looked up by.

    Args:
        part: Any object; a typed client says its kind in `__part__`.

    Returns:
        Its class, or the Protocol of a typed client.
    """
    declared = getattr(part, "__part__", None)
    return type(part) if declared is None else declared.kind


def name_of(part: object) -> str:
    """Return what a part is called in logs and in /info.

    Args:
        part: Any object.

    Returns:
        The name of its kind.
    """
    kind = kind_of(part)
    return str(getattr(kind, "__name__", kind))


def is_essential(part: object) -> bool:
    """Return whether the service cannot do its work without a part.

    Args:
        part: Any object; one that can be spared has `is_essential = False`.

    Returns:
        True unless the part says otherwise.
    """
    declared = getattr(part, "__part__", None)
    asked = part if declared is None else declared
    return bool(getattr(asked, "is_essential", True))


def method_of(part: object, name: str) -> Callable[[], Awaitable[Any]] | None:
    """Return an optional method of a part, or None where it has no such.

    Args:
        part: Any object; a typed client keeps its methods in `__part__`.
        name: `open`, `drain`, `close`, `check` or `facts`.

    Returns:
        The bound method.
    """
    declared = getattr(part, "__part__", None)
    return getattr(part if declared is None else declared, name, None)
