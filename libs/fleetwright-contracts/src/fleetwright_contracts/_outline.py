"""A document in which schemas stand: the way through it, references followed."""

from typing import Any

from fleetwright_contracts._judgement import Court, Document
from fleetwright_contracts.errors import Unreadable, Unresolvable
from fleetwright_contracts.schemas import Dialect, Place, Places

_MOST_REFERENCES = 20


class Outline:
    """A document that is no schema itself.

    Attributes:
        places: Where its schemas are.
        document: Its schemas.
        root: The whole.
    """

    def __init__(self, court: Court, content: Any, dialect: Dialect) -> None:
        """Look at no more than the root.

        Args:
            court: Who compares its schemas.
            content: The document.
            dialect: How its schemas are read.

        Raises:
            Unreadable: It contains itself.
        """
        self.places = Places(content, dialect, is_schema=False)
        self.document: Document = court.document(self.places)
        self.root = self.places.root

    def at(self, place: Place, *tokens: str) -> Place | None:
        """Return what is inside, references followed; None where nothing is.

        Args:
            place: Where to begin.
            tokens: The way from there.

        Raises:
            Unresolvable: A reference leads nowhere, in a circle or elsewhere.
        """
        for token in tokens:
            inner = place.schema
            if not isinstance(inner, dict | list):
                return None
            there = token in inner if isinstance(inner, dict) else True
            if not there:
                return None
            place = self.target(self.places.place(place, token))
        return None if place.schema is None else place

    def target(self, place: Place) -> Place:
        """Return where a reference that stands for something else leads.

        Args:
            place: What may be a reference.

        Raises:
            Unresolvable: It leads nowhere, in a circle or elsewhere.
        """
        for _ in range(_MOST_REFERENCES):
            found = place.schema
            reference = found.get("$ref") if isinstance(found, dict) else None
            if not isinstance(reference, str):
                return place
            place = self.places.resolve(place, reference)
        raise Unresolvable("`$ref` leads in a circle", where=place.key)

    def schema(self, place: Place, *tokens: str) -> Place | None:
        """Return a schema inside, as it stands; None where nothing is.

        Args:
            place: Where to begin.
            tokens: The way from there.
        """
        around = self.at(place, *tokens[:-1])
        if around is None or not isinstance(around.schema, dict):
            return None
        if tokens[-1] not in around.schema:
            return None
        return self.places.place(around, tokens[-1])

    def table(self, place: Place, *tokens: str) -> dict[str, Place]:
        """Return the entries of an object inside, references followed.

        Args:
            place: Where to begin.
            tokens: The way from there.

        Raises:
            Unreadable: There is something else than an object.
        """
        found = self.at(place, *tokens)
        if found is None:
            return {}
        if not isinstance(found.schema, dict):
            raise Unreadable("an object belongs here", where=found.key)
        entries = {name: self.at(found, name) for name in found.schema}
        return {
            name: one
            for name, one in entries.items()
            if one is not None and not name.startswith("x-")
        }
