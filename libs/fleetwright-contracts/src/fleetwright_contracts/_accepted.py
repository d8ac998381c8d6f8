"""What is really sent and taken, as schemas: the facts of the runtime written out.

A schema says `integer`, and pydantic takes "1" as well unless it is strict; it says
`date-time`, and a moment without a zone is taken unless it must have one; a rule in
Python refuses what no schema refuses. The runtime tells all that in members that begin
with `x-fleet-`; here they become schemas, so that the search finds the value itself.

Who sends is drawn too narrowly, who reads too widely: a value that then is sent and not
taken really is refused. The other way round nothing is proved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

FACTS: Final = "x-fleet-facts"
STRICT: Final = "x-fleet-strict"
STRIP: Final = "x-fleet-strip"
ZONE: Final = "x-fleet-timezone"
RULES: Final = "x-fleet-rules"
_LOCAL: Final = "2026-01-31T12:00:00"
_HAS_ZONE: Final = {"pattern": "([Zz]|[+-][0-9]{2}:?[0-9]{2})$"}
_CONVERTED: Final = ("integer", "number", "boolean")
# What stands below these is no schema.
_VALUES: Final = ("example", "examples", "default", "const", "enum", RULES)
_LONGEST_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Looking:
    """Which facts count.

    Attributes:
        conversions: Whether texts stand for numbers: not where a program writes them.
        rules: Whether rules in Python count.
    """

    conversions: bool = True
    rules: bool = True


def has_facts(document: Any) -> bool:
    """Return whether a document tells what its schemas do not.

    Args:
        document: Of OpenAPI.
    """
    return isinstance(document, dict) and document.get(FACTS) == 1


def as_sent(document: Any, looking: Looking) -> Any:
    """Return a document whose schemas take what is sent by it, and maybe not all of it.

    Args:
        document: The document.
        looking: Which facts count.
    """
    return _rewritten(document, lambda schema: _sent(schema, looking))


def as_taken(document: Any, looking: Looking) -> Any:
    """Return a document whose schemas take all that is accepted by it, and maybe more.

    Args:
        document: The document.
        looking: Which facts count.
    """
    return _rewritten(document, lambda schema: _taken(schema, looking))


def _rewritten(value: Any, change: Callable[[dict[str, Any]], Any]) -> Any:
    """Return a value with its schemas changed, the innermost first."""
    if isinstance(value, list):
        return [_rewritten(one, change) for one in value]
    if not isinstance(value, dict):
        return value
    inside = {
        name: one if name in _VALUES else _rewritten(one, change)
        for name, one in value.items()
    }
    return change(inside)


def _sent(schema: dict[str, Any], looking: Looking) -> Any:
    """Return what is surely sent by a schema."""
    if looking.conversions and _is_converted(schema):
        number = _some_number(schema)
        more = [] if number is None else [{"const": str(number).lower()}]
    elif _is_moment(schema) and schema.get(ZONE) != "aware":
        more = [{"const": _LOCAL}]
    elif looking.conversions and schema.get(STRIP):
        more = _with_spaces(schema)
    else:
        more = []
    accepts = [v for rule in _rules(schema, looking) for v in rule.get("accepts", ())]
    refuses = [v for rule in _rules(schema, looking) for v in rule.get("refuses", ())]
    made: Any = {"anyOf": [schema, *more]} if more else schema
    if accepts or refuses:
        sure = [value for value in accepts if value not in refuses]
        made = {"allOf": [made, {"enum": sure} if sure else {"not": {"enum": refuses}}]}
    return made


def _taken(schema: dict[str, Any], looking: Looking) -> Any:
    """Return what a reader of a schema may take."""
    made: Any = schema
    is_moment = _is_moment(schema)
    is_free = looking.conversions and _is_converted(schema)
    if is_free or (is_moment and ZONE not in schema):
        made = {"anyOf": [schema, {"type": "string"}]}
    elif is_moment and schema[ZONE] == "naive":
        made = {"type": "string", "not": _HAS_ZONE}
    elif looking.conversions and schema.get(STRIP):
        made = _stripped(schema)
    refuses = [v for rule in _rules(schema, looking) for v in rule.get("refuses", ())]
    return {"allOf": [made, {"not": {"enum": refuses}}]} if refuses else made


def _is_converted(schema: dict[str, Any]) -> bool:
    """Return whether texts are taken for the numbers of a schema."""
    is_open = "enum" not in schema and "const" not in schema and STRICT not in schema
    return is_open and schema.get("type") in _CONVERTED


def _is_moment(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "string" and schema.get("format") == "date-time"


def _some_number(schema: dict[str, Any]) -> Any:
    """Return a value of a schema of numbers, if one is easily found."""
    if schema["type"] == "boolean":
        return True
    borders = [
        schema.get("minimum"),
        schema.get("maximum"),
        schema.get("multipleOf"),
        _moved(schema.get("exclusiveMinimum"), 1),
        _moved(schema.get("exclusiveMaximum"), -1),
    ]
    # Few documents have facts, and it takes long to import.
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema)
    for number in (1, 0, *(one for one in borders if isinstance(one, int | float))):
        if validator.is_valid(number):
            return number
    return None


def _moved(border: Any, by: int) -> Any:
    """Return the next whole number beyond a border."""
    return border + by if isinstance(border, int | float) else None


def _with_spaces(schema: dict[str, Any]) -> list[Any]:
    """Return a text that is taken only because spaces are cut off."""
    longest, least = schema.get("maxLength"), schema.get("minLength", 0)
    is_simple = least <= 1 and "pattern" not in schema and "enum" not in schema
    if not (is_simple and isinstance(longest, int) and longest <= _LONGEST_TEXT):
        return []
    return [{"const": " " * longest + "a"}]


def _stripped(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what is taken by a reader that cuts off spaces first."""
    made: dict[str, Any] = {"type": "string"}
    if schema.get("minLength"):
        made["minLength"] = schema["minLength"]
        made["pattern"] = r"\S"
    return made


def _rules(schema: dict[str, Any], looking: Looking) -> list[dict[str, Any]]:
    """Return the rules of a schema that count."""
    found = schema.get(RULES)
    return found if looking.rules and isinstance(found, list) else []
