"""A second opinion on a value: `jsonschema`, which judges by code of its own.

A value is shown as a witness only if this validator takes it under the schema that
sends and refuses it under the schema that reads. What it cannot tell confirms nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

import jsonschema
from jsonschema.exceptions import ValidationError
from jsonschema_specifications import REGISTRY
from referencing.jsonschema import specification_with

from fleetwright_contracts._formats import FORMATS
from fleetwright_contracts._values import Value
from fleetwright_contracts.errors import Exhausted
from fleetwright_contracts.regexes import automaton
from fleetwright_contracts.schemas import Dialect, Place, Places

_DOCUMENT = "urn:fleetwright:contract"
_MOST_CALLS = 50_000
_Errors: TypeAlias = Iterator[ValidationError]
_Keyword: TypeAlias = Callable[..., Iterable[ValidationError] | None]

_VALIDATORS: dict[int, Any] = {
    4: jsonschema.Draft4Validator,
    6: jsonschema.Draft6Validator,
    7: jsonschema.Draft7Validator,
    2019: jsonschema.Draft201909Validator,
    2020: jsonschema.Draft202012Validator,
}
_COUNTED = (
    "$ref",
    "$dynamicRef",
    "$recursiveRef",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
)


class SecondOpinion:
    """Judges values by the schemas of one document."""

    def __init__(self, places: Places) -> None:
        """Make the document ready for the validator.

        Args:
            places: The schemas of the document.
        """
        self._places = places
        self._validators: dict[tuple[str, str], Any] = {}
        self._classes: dict[tuple[Dialect, str], Any] = {}
        self._count = _Counting()
        self._checks = _format_checks()
        root = places.root
        self._whole = root.schema
        if isinstance(self._whole, dict):
            # The class is chosen below; by `$schema` it would be chosen anew.
            said = self._whole.items()
            self._whole = {name: one for name, one in said if name != "$schema"}
        kind = specification_with(_VALIDATORS[root.dialect.year].META_SCHEMA["$schema"])
        registry = REGISTRY.with_resource(_DOCUMENT, kind.create_resource(self._whole))
        for uri, document in places.others.items():
            registry = registry.with_resource(uri, kind.create_resource(document))
        self._registry = registry

    def takes(self, place: Place, value: Value, hidden: str = "") -> bool | None:
        """Return whether a value is valid.

        Args:
            place: The schema.
            value: The value.
            hidden: The keyword of properties that are left out in this direction, so
                that they are not required either; empty for none.

        Returns:
            None where the validator cannot tell.
        """
        self._count.calls = 0
        try:
            validator = self._validators.get((place.key, hidden))
            if validator is None:
                validator = self._validator(place, hidden)
                self._validators[place.key, hidden] = validator
            return next(validator.iter_errors(value), None) is None
        except (KeyboardInterrupt, SystemExit):
            raise
        # Whatever stops it, it has confirmed nothing. Its errors are of a dozen kinds,
        # and a circle that ends within its part in Rust is no `Exception` at all.
        except BaseException:
            return None

    def _validator(self, place: Place, hidden: str) -> Any:
        """Return the validator of one schema."""
        schema = self._whole
        if place is not self._places.root:
            address = place.resource or _DOCUMENT
            schema = {"$ref": f"{address}#{quote(place.pointer)}"}
        return self._class(place.dialect, hidden)(
            schema,
            registry=self._registry,
            format_checker=self._checks if place.dialect.checks_formats else None,
        )

    def _class(self, dialect: Dialect, hidden: str) -> Any:
        """Return the class of validators of a dialect, which takes long to make."""
        known = self._classes.get((dialect, hidden))
        if known is None:
            found = _VALIDATORS[dialect.year]
            words = {
                name: self._count.counted(found.VALIDATORS[name])
                for name in _COUNTED
                if name in found.VALIDATORS
            }
            if dialect.nullable:
                words |= {it: _or_null(found.VALIDATORS[it]) for it in ("type", "enum")}
            if hidden:
                required = found.VALIDATORS["required"]
                words["required"] = self._but_for(required, hidden, dialect)
            words["pattern"] = _pattern
            words["patternProperties"] = _pattern_properties
            words["additionalProperties"] = _additional_properties
            extend: Any = jsonschema.validators.extend
            known = self._classes[dialect, hidden] = extend(found, words)
        return known

    def _but_for(self, keyword: _Keyword, hidden: str, dialect: Dialect) -> _Keyword:
        """Return `required` without the properties that are left out."""

        def is_left_out(schema: Any, name: str) -> bool:
            inner = schema.get("properties", {}).get(name)
            return self._places.says(Place("", "", inner, dialect), hidden)

        def call(validator: Any, said: Any, value: Any, schema: Any) -> _Errors:
            if isinstance(said, list):
                said = [name for name in said if not is_left_out(schema, name)]
            yield from keyword(validator, said, value, schema) or ()

        return call


class _Counting:
    """Stops a validator that was led into a maze."""

    def __init__(self) -> None:
        """Begin with no calls."""
        self.calls = 0

    def counted(self, keyword: _Keyword) -> _Keyword:
        """Return a keyword's function that counts its calls."""

        def call(validator: Any, said: Any, value: Any, schema: Any) -> _Errors:
            self.calls += 1
            if self.calls > _MOST_CALLS:
                raise Exhausted("validating a value would take too long")
            # Some yield errors, some return None: the library takes both.
            yield from keyword(validator, said, value, schema) or ()

        return call


# -- patterns as ECMA-262 means them, in time that does not explode


def _found(pattern: str, text: str) -> bool:
    """Return whether an expression is found in a text."""
    if _is_quick(pattern, text):
        return re.search(_in_python(pattern), text) is not None
    return automaton(pattern).matches(text)


def _is_quick(pattern: str, text: str) -> bool:
    """Return whether backtracking comes to an end soon, whatever the text."""
    if "\\p" in pattern or "\\P" in pattern:
        return False
    repeats = sum(pattern.count(sign) for sign in "*+{")
    return len(text) <= 12 or repeats <= 1


_PYTHON = {"d": "0-9", "w": "A-Za-z0-9_"}
_GROUP_NAME = re.compile(r"\?<[^=!]")


def _in_python(pattern: str) -> str:
    """Return an expression as Python writes it."""
    found, inside, place = [], False, 0
    while place < len(pattern):
        sign = pattern[place]
        place += 1
        if sign == "\\" and place < len(pattern):
            found.append(_escape(pattern[place], inside=inside))
            place += 1
        elif sign == "(" and _GROUP_NAME.match(pattern, place):
            found.append("(?P")
            place += 1
        elif sign == "[" and pattern.startswith("^]", place):
            found.append(r"[\s\S]")
            place += 2
        elif sign == "$" and not inside:
            found.append(r"\Z")
        elif sign == "." and not inside:
            found.append(r"[^\n\r\u2028\u2029]")
        else:
            inside = (inside or sign == "[") and sign != "]"
            found.append(sign)
    return "".join(found)


def _escape(sign: str, *, inside: bool) -> str:
    """Return what a backslash and a sign mean, as Python writes it."""
    members = _PYTHON.get(sign.lower())
    if members is None or (inside and sign.isupper()):
        return f"\\{sign}" if sign not in "/" else sign
    return members if inside else f"[{'^' if sign.isupper() else ''}{members}]"


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> _Errors:
    """Yield an error where a text does not match."""
    if validator.is_type(value, "string") and not _found(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], value: Any, schema: Any
) -> _Errors:
    """Yield the errors of properties whose names match."""
    if validator.is_type(value, "object"):
        for pattern, inner in patterns.items():
            for name, item in value.items():
                if _found(pattern, name):
                    yield from validator.descend(item, inner, path=name)


def _additional_properties(
    validator: Any, inner: Any, value: Any, schema: Any
) -> _Errors:
    """Yield the errors of properties that are neither listed nor described."""
    if not validator.is_type(value, "object"):
        return
    patterns = schema.get("patternProperties", {})
    for name, item in value.items():
        listed = name in schema.get("properties", {})
        if listed or any(_found(pattern, name) for pattern in patterns):
            continue
        if inner is False:
            yield ValidationError(f"{name!r} is not declared", path=[name])
        elif inner is not True:
            yield from validator.descend(item, inner, path=name)


# -- OpenAPI


def _format_checks() -> jsonschema.FormatChecker:
    """Return the check of formats, those of numbers included."""
    checks = jsonschema.FormatChecker(formats=())
    for name, known in FORMATS.items():
        checks.checks(name)(_on_texts(known.has))
    for name, bits in (("int32", 31), ("int64", 63)):
        checks.checks(name)(_within(bits))
    return checks


def _on_texts(has: Callable[[str], bool | None]) -> Callable[[object], bool]:
    """Return a check that says yes to all that is no text."""

    def check(value: object) -> bool:
        found = has(value) if isinstance(value, str) else True
        if found is None:  # ends the validation: nothing is confirmed
            raise Exhausted("a format is not known well enough")
        return found

    return check


def _within(bits: int) -> Callable[[object], bool]:
    """Return a check that a number fits into a signed integer."""
    return lambda value: (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or -(2**bits) <= value < 2**bits
    )


def _or_null(keyword: _Keyword) -> _Keyword:
    """Return `type` or `enum` as OpenAPI 3.0 means it: null beside `nullable`."""

    def call(validator: Any, said: Any, value: Any, schema: Any) -> _Errors:
        may_be_null = schema.get("nullable") is True and isinstance(said, str | list)
        if value is not None or not may_be_null:
            yield from keyword(validator, said, value, schema) or ()

    return call
