"""A rule written in Python as data: what it is called, its code, what it refuses."""

import hashlib
import inspect
import json
from collections.abc import Callable
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import SchemaError, SchemaValidator

# What a rule is tried on, where its field can have it. Always the same values: two
# versions of a rule are compared by what they say to them.
TRIED: Final = (
    *(0, 1, -1, 2, 3, 7, 10, 100, 1000, 0.5, -0.5, True, False),
    *("", " ", "a", "A", "0", "1", "-1", "abc", "ABC", "a b", "a-b", "é"),
    *("a@b.example", "https://a.example/", "2026-01-31", "x" * 64, "x" * 300),
)
_DIGITS = 12


def rule_of(schema: Any) -> dict[str, Any] | None:
    """Return the rule of a schema that has a function in it.

    Args:
        schema: A core schema of pydantic: a function before, after, around or alone.

    Returns:
        Its `name`, a `digest` of its code, and which tried values it `accepts` and
        `refuses`; None for rules of pydantic's own, which its schemas tell.
    """
    function = inspect.unwrap(schema["function"]["function"])
    function = getattr(function, "__func__", function)
    module = getattr(function, "__module__", None) or ""
    if module.partition(".")[0] in ("pydantic", "pydantic_core", "annotated_types"):
        return None
    accepts, refuses = _tried(schema)
    name = getattr(function, "__qualname__", type(function).__name__)
    return {
        "name": f"{module}.{name}",
        "digest": _digest(function),
        "accepts": accepts,
        "refuses": refuses,
    }


def _digest(function: Callable[..., Any]) -> str:
    """Return what changes when the code changes or what it was made with."""
    try:
        text = inspect.cleandoc(inspect.getsource(function))
    except (OSError, TypeError):
        text = repr(getattr(getattr(function, "__code__", None), "co_code", b""))
    cells = getattr(function, "__closure__", None) or ()
    kept = [repr(one) for cell in cells if _is_plain(one := cell.cell_contents)]
    return hashlib.sha256("\n".join([text, *kept]).encode()).hexdigest()[:_DIGITS]


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool | tuple | frozenset | None)


def _tried(schema: Any) -> tuple[list[Any], list[Any]]:
    """Return the values that a rule accepts and those it refuses."""
    accepts: list[Any] = []
    refuses: list[Any] = []
    try:
        whole = SchemaValidator(schema)
        inner = SchemaValidator(schema["schema"]) if "schema" in schema else None
    except SchemaError:  # it refers to what is declared around it
        return accepts, refuses
    for value in TRIED:
        text = json.dumps(value)
        try:
            if inner is not None:
                inner.validate_json(text, strict=True)
        except Exception:  # noqa: S112 - the field cannot have this value
            continue
        try:
            whole.validate_json(text)
            accepts.append(value)
        except ValidationError:
            refuses.append(value)
        except Exception:  # noqa: S112 - it wants more than a value
            continue
    return accepts, refuses
