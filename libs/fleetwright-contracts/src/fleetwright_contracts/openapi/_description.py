"""A document of OpenAPI 3.0 or 3.1 as values: operations, with all they refer to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fleetwright_contracts._judgement import Court
from fleetwright_contracts._outline import Outline
from fleetwright_contracts.errors import Unreadable, Unsupported
from fleetwright_contracts.schemas import (
    OPENAPI_30,
    OPENAPI_31,
    Dialect,
    Place,
    dialect_of,
)

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for.

    Attributes:
        method: In capitals.
        path: The template, or the name of a webhook.
        place: Where it stands.
        parameters: By where they are sent and their name.
    """

    method: str
    path: str
    place: Place
    parameters: dict[tuple[str, str], Place]

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"{self.method} {self.path}"

    @property
    def is_deprecated(self) -> bool:
        """Whether it is to go."""
        return self.place.schema.get("deprecated") is True


class Description(Outline):
    """A document of OpenAPI."""

    def __init__(self, court: Court, content: Any) -> None:
        """Look at the head of a document.

        Args:
            court: Who compares its schemas.
            content: The document.

        Raises:
            Unsupported: It is no OpenAPI 3.0 or 3.1.
            Unreadable: It has no paths, or contains itself.
        """
        super().__init__(court, content, _dialect(content))
        self.table(self.root, "paths")

    def operations(self, around: Place | None, *tokens: str) -> list[Operation]:
        """Return the operations of paths, webhooks or callbacks.

        Args:
            around: What they are part of; None for none.
            tokens: The way from there.

        Raises:
            Unreadable: Something else stands where a path or an operation belongs.
        """
        if around is None:
            return []
        found = []
        for path, item in self.table(around, *tokens).items():
            if not isinstance(item.schema, dict):
                raise Unreadable("a path belongs here", where=item.key)
            for method in METHODS:
                place = self.at(item, method)
                if place is None:
                    continue
                if not isinstance(place.schema, dict):
                    raise Unreadable("an operation belongs here", where=place.key)
                parameters = dict(self._parameters(item, place))
                found.append(Operation(method.upper(), path, place, parameters))
        return found

    def _parameters(
        self, item: Place, operation: Place
    ) -> Iterator[tuple[tuple[str, str], Place]]:
        """Yield parameters; those of the operation replace those of the path."""
        for around in (item, operation):
            listed = self.at(around, "parameters")
            for number in range(len(listed.schema) if listed else 0):
                one = self.at(around, "parameters", str(number))
                said = one.schema if one is not None else None
                if one is None or not isinstance(said, dict):
                    raise Unreadable("a parameter belongs here", where=around.key)
                sent, name = str(said.get("in")), str(said.get("name"))
                # Names of headers are the same in capitals and without.
                yield (sent, name.lower() if sent == "header" else name), one


def _dialect(content: Any) -> Dialect:
    """Return how the schemas of a document are read."""
    if not isinstance(content, dict):
        raise Unreadable("this is no document of OpenAPI", hint="is it the right file?")
    version = content.get("openapi")
    if isinstance(version, str) and version.startswith("3.0"):
        return OPENAPI_30
    if isinstance(version, str) and version.startswith("3.1"):
        said = {"$schema": content.get("jsonSchemaDialect")}
        return dialect_of(said, OPENAPI_31)
    found = version or content.get("swagger") or "none"
    raise Unsupported(
        f"version {str(found)[:40]!r} of OpenAPI is not read",
        where="openapi",
        hint="hand over a document of OpenAPI 3.0 or 3.1",
    )
