"""The dialects of JSON Schema, told by what differs between them."""

from dataclasses import dataclass
from typing import Any

from fleetwright_contracts.errors import Unsupported


@dataclass(frozen=True, slots=True)
class Dialect:
    """A dialect of JSON Schema.

    Attributes:
        name: What people call it.
        year: 4, 6, 7, 2019 or 2020, in the order of their coming.
        uri: What `$schema` says.
        checks_formats: Whether `format` refuses values.
        nullable: Whether `nullable` allows null, as in OpenAPI 3.0.
    """

    name: str
    year: int
    uri: str
    checks_formats: bool = False
    nullable: bool = False

    @property
    def id_keyword(self) -> str:
        """The keyword that gives a schema its URI."""
        return "id" if self.year == 4 else "$id"

    @property
    def ref_stands_alone(self) -> bool:
        """Whether what stands beside `$ref` is ignored."""
        return self.year <= 7


DRAFT_4 = Dialect("draft 4", 4, "http://json-schema.org/draft-04/schema")
DRAFT_6 = Dialect("draft 6", 6, "http://json-schema.org/draft-06/schema")
DRAFT_7 = Dialect("draft 7", 7, "http://json-schema.org/draft-07/schema")
DRAFT_2019 = Dialect("2019-09", 2019, "https://json-schema.org/draft/2019-09/schema")
DRAFT_2020 = Dialect("2020-12", 2020, "https://json-schema.org/draft/2020-12/schema")
OPENAPI_30 = Dialect("OpenAPI 3.0", 4, "", checks_formats=True, nullable=True)
OPENAPI_31 = Dialect(
    "OpenAPI 3.1",
    2020,
    "https://spec.openapis.org/oas/3.1/dialect/base",
    checks_formats=True,
)
_OLDER = "http://json-schema.org/draft-"
_BY_URI = {
    one.uri: one
    for one in (DRAFT_4, DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020, OPENAPI_31)
}


def dialect_of(schema: Any, otherwise: Dialect) -> Dialect:
    """Return the dialect that a schema says it is written in.

    Args:
        schema: The schema.
        otherwise: The dialect around it.

    Raises:
        Unsupported: It names a dialect that is not known.
    """
    said = schema.get("$schema") if isinstance(schema, dict) else None
    if not isinstance(said, str):
        return otherwise
    found = _BY_URI.get(
        said.rstrip("#").replace(
            "https://json-schema.org/draft-", "http://json-schema.org/draft-"
        )
    )
    if found is None:
        raise Unsupported(
            f"the dialect {said!r} is not known",
            where="$schema",
            hint="write it in draft 4, 6, 7, 2019-09 or 2020-12",
        )
    if otherwise.checks_formats and not found.checks_formats:
        return Dialect(found.name, found.year, found.uri, checks_formats=True)
    return found


# Where a keyword holds one schema, a list of them, or schemas by name.
ONE = frozenset(
    [
        "additionalItems",
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    ]
)
LISTED = frozenset(["allOf", "anyOf", "items", "oneOf", "prefixItems"])
BY_NAME = frozenset(
    [
        "$defs",
        "definitions",
        "dependencies",
        "dependentSchemas",
        "patternProperties",
        "properties",
    ]
)


def parts_of(schema: dict[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    """Return the schemas directly inside a schema, with their places.

    Args:
        schema: The schema.
    """
    found: list[tuple[tuple[str, ...], Any]] = []
    for keyword, inner in schema.items():
        if keyword in ONE and isinstance(inner, dict | bool):
            found.append(((keyword,), inner))
        elif keyword in LISTED and isinstance(inner, list):
            found += [((keyword, str(n)), one) for n, one in enumerate(inner)]
        elif keyword in BY_NAME and isinstance(inner, dict):
            found += [((keyword, name), one) for name, one in inner.items()]
    return [(place, one) for place, one in found if isinstance(one, dict | bool)]
