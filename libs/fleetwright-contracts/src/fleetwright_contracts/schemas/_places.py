"""Where schemas are, and where a `$ref` leads. Nothing is ever fetched."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from fleetwright_contracts._values import require_tree
from fleetwright_contracts.errors import Unresolvable
from fleetwright_contracts.schemas._dialects import Dialect, dialect_of, parts_of


@dataclass(frozen=True, slots=True)
class Place:
    """A schema and where it is.

    Attributes:
        resource: The URI of the resource it belongs to.
        pointer: Where in the resource it is, as a JSON pointer.
        schema: The schema itself.
        dialect: How it is read.
    """

    resource: str
    pointer: str
    schema: Any
    dialect: Dialect

    @property
    def key(self) -> str:
        """What tells it from every other place."""
        return f"{self.resource}#{self.pointer}"

    def inside(self, *tokens: str) -> str:
        """Return the pointer of something inside.

        Args:
            tokens: The way there.
        """
        return self.pointer + "".join(f"/{escaped(token)}" for token in tokens)


def escaped(token: str) -> str:
    """Return a token as a JSON pointer writes it.

    Args:
        token: A name or a number.
    """
    return token.replace("~", "~0").replace("/", "~1")


class Places:
    """All schemas of a document and of those it may refer to.

    Attributes:
        root: The document itself, as a schema.
        others: Documents it may refer to, by URI.
        dynamic: For each resource, its dynamic anchors and where they are.
    """

    def __init__(
        self,
        document: Any,
        dialect: Dialect,
        *,
        others: Mapping[str, Any] | None = None,
        is_schema: bool = True,
    ) -> None:
        """Find what has a URI or an anchor.

        Args:
            document: The document.
            dialect: How it is read where it does not say.
            others: Documents it may refer to, by URI.
            is_schema: Whether the document is itself a schema.

        Raises:
            Unreadable: It contains itself.
            Unsupported: It is written in a dialect that is not known.
        """
        for one in (document, *(others or {}).values()):
            require_tree(one)
        self._dialect = dialect
        self.others = dict(others or {})
        self._resources: dict[str, Place] = {}
        self._anchors: dict[tuple[str, str], Place] = {}
        self._known: dict[int, Place] = {}
        self.dynamic: dict[str, dict[str, Place]] = {}
        if is_schema:
            dialect = dialect_of(document, dialect)
        self.root = Place("", "", document, dialect)
        self._resources[""] = self.root
        if is_schema:
            self.root = self._index(self.root)

    def place(self, around: Place, *tokens: str) -> Place:
        """Return the place of a schema inside another.

        Args:
            around: The outer schema.
            tokens: The way from there.
        """
        found = around.schema
        for token in tokens:
            found = found[int(token)] if isinstance(found, list) else found[token]
        known = self._known.get(id(found))
        if known is not None and known.schema is found and not isinstance(found, bool):
            return known
        return Place(around.resource, around.inside(*tokens), found, around.dialect)

    def resolve(self, around: Place, reference: str) -> Place:
        """Return where a reference leads.

        Args:
            around: The schema in which it stands.
            reference: The reference.

        Raises:
            Unresolvable: It leads nowhere, or to another machine.
        """
        if reference.startswith("#"):
            uri, fragment = around.resource, reference[1:]
        else:
            uri, fragment = urldefrag(urljoin(around.resource, reference))
        resource = self._resource(uri, around, reference)
        fragment = unquote(fragment)
        if not fragment:
            return resource
        if not fragment.startswith("/"):
            found = self._anchors.get((resource.resource, fragment))
            if found is None:
                raise self._lost(around, reference, "there is no such anchor")
            return found
        return self._follow(resource, fragment, around, reference)

    def _lost(self, around: Place, reference: str, why: str) -> Unresolvable:
        """Return the error of a reference that leads nowhere."""
        return Unresolvable(
            f"`$ref` to {reference[:200]!r} leads nowhere: {why}", where=around.key
        )

    def _resource(self, uri: str, around: Place, reference: str) -> Place:
        """Return the resource with a URI."""
        found = self._resources.get(uri)
        if found is None and uri in self.others:
            found = self._adopt(uri, self.others[uri])
        if found is None:
            published = _published(uri)
            if published is not None:
                found = self._adopt(uri, published)
        if found is None:
            raise Unresolvable(
                f"`$ref` to {reference[:200]!r} leads to another document",
                where=around.key,
                hint="nothing is fetched: hand the document over, or bundle it",
            )
        return found

    def _adopt(self, uri: str, document: Any) -> Place:
        """Take in another document."""
        dialect = dialect_of(document, self._dialect)
        place = Place(uri, "", document, dialect)
        self._resources[uri] = place
        return self._index(place)

    def _follow(
        self, resource: Place, fragment: str, around: Place, reference: str
    ) -> Place:
        """Return where a JSON pointer leads."""
        found, place, passed = resource.schema, resource, ""
        for token in fragment.split("/")[1:]:
            token = token.replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(token)] if isinstance(found, list) else found[token]
            except (KeyError, IndexError, ValueError, TypeError):
                raise self._lost(around, reference, f"no {token!r} there") from None
            known = self._known.get(id(found))
            if known is not None and known.schema is found:
                place, passed = known, ""
            else:
                passed += f"/{escaped(token)}"
        if not passed:
            return place
        pointer = place.pointer + passed
        return self._index(Place(place.resource, pointer, found, place.dialect))

    def says(self, place: Place, keyword: str) -> bool:
        """Return whether a schema, or what it refers to, has a keyword that is true.

        Args:
            place: The schema.
            keyword: The keyword.
        """
        for _ in range(20):
            if not isinstance(place.schema, dict):
                return False
            if place.schema.get(keyword) is True:
                return True
            reference = place.schema.get("$ref")
            if not isinstance(reference, str):
                return False
            place = self.resolve(place, reference)
        return False

    # -- finding URIs and anchors

    def _index(self, root: Place) -> Place:
        """Note the URIs and anchors in a schema and all inside; return its place."""
        first: Place | None = None
        waiting = [root]
        while waiting:
            place = waiting.pop()
            if not isinstance(place.schema, dict):
                first = first or place
                continue
            place = self._named(place)
            first = first or place
            if id(place.schema) in self._known:
                continue
            self._known[id(place.schema)] = place
            self._anchor(place)
            for tokens, inner in parts_of(place.schema):
                pointer = place.inside(*tokens)
                waiting.append(Place(place.resource, pointer, inner, place.dialect))
        return first or root

    def _named(self, place: Place) -> Place:
        """Return the place as a resource of its own, where it has a URI."""
        said = place.schema.get(place.dialect.id_keyword)
        ignored = place.dialect.ref_stands_alone and "$ref" in place.schema
        if not isinstance(said, str) or ignored or said.startswith("#"):
            return place
        dialect = dialect_of(place.schema, place.dialect)
        uri, fragment = urldefrag(urljoin(place.resource, said))
        if fragment:  # before 2019, an id with a fragment is an anchor
            return place
        named = Place(uri, "", place.schema, dialect)
        self._resources.setdefault(uri, named)
        return named

    def _anchor(self, place: Place) -> None:
        """Note the anchors of one schema."""
        schema, year = place.schema, place.dialect.year
        if year <= 7:
            said = schema.get(place.dialect.id_keyword)
            if isinstance(said, str) and "#" in said and "$ref" not in schema:
                uri, fragment = urldefrag(urljoin(place.resource, said))
                if fragment:
                    self._anchors.setdefault((uri or place.resource, fragment), place)
            return
        for keyword in ("$anchor", "$dynamicAnchor"):
            name = schema.get(keyword)
            if isinstance(name, str):
                self._anchors.setdefault((place.resource, name), place)
        dynamic = schema.get("$dynamicAnchor")
        if isinstance(dynamic, str) and year >= 2020:
            self.dynamic.setdefault(place.resource, {}).setdefault(dynamic, place)
        recursive = schema.get("$recursiveAnchor") is True and year == 2019
        if recursive and not place.pointer:
            self.dynamic.setdefault(place.resource, {})["$recursive"] = place

    def resource_of(self, place: Place) -> Place:
        """Return the root of the resource that a place belongs to.

        Args:
            place: The place.
        """
        return self._resources.get(place.resource, place)


def _published(uri: str) -> Any:
    """Return one of the metaschemas of JSON Schema, None for any other URI."""
    if "json-schema.org/" not in uri:
        return None
    from jsonschema_specifications import REGISTRY

    for known in (uri, f"{uri}#"):
        if known in REGISTRY:
            return REGISTRY.contents(known)
    return None
