"""A provider's contract while a test runs: what it takes, and what it may answer."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from fleetwright_contracts._judgement import Court, Side, Verdict
from fleetwright_contracts.openapi import Description, Operation
from fleetwright_contracts.schemas import OPENAPI_31, Place, Places, View

_TEMPLATE = re.compile(r"(\{[^}]*\})")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_ANSWER = "x-answer"
_NOTHING = Places(False, OPENAPI_31)


class ContractBroken(AssertionError):  # noqa: N818 - reads as what happened
    """A consumer sent what its provider refuses, or a test had it answer so."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the provider reads it.

    Attributes:
        operation: Method and path of the contract: `GET /v1/products/{sku}`.
        path: The parameters in the path.
        query: The parameters of the query, each with its texts.
        headers: By names in lower case.
        body: The document that was sent; None for none.
    """

    operation: str
    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any


class Contract:
    """A document of OpenAPI, asked about single requests and answers."""

    def __init__(self, document: Any) -> None:
        """Read a document.

        Args:
            document: Of OpenAPI.

        Raises:
            ContractError: It is none.
        """
        self._document = document
        self._description = Description(Court(), document)
        root = self._description.root
        self._operations = self._description.operations(root, "paths")

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation that answers a path; None for none.

        Args:
            method: In capitals.
            path: Of a request, or the template of an operation.
        """
        fitting = [it for it in self._operations if it.method == method]
        exact = [it for it in fitting if it.path == path]
        matching = [it for it in fitting if _pattern(it.path).fullmatch(path)]
        return next(iter([*exact, *matching]), None)

    def asked(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Asked:
        """Return a request as the provider reads it.

        Args:
            method: In capitals.
            url: Where it was sent.
            headers: Its header fields.
            body: What was sent.

        Raises:
            ContractBroken: The contract has no such operation.
        """
        parts = urlsplit(url)
        found = self.operation(method, parts.path)
        if found is None:
            raise ContractBroken(f"{method} {parts.path} is not in the contract")
        match = _pattern(found.path).fullmatch(parts.path)
        return Asked(
            found.name,
            {k: unquote(v) for k, v in (match.groupdict() if match else {}).items()},
            parse_qs(parts.query, keep_blank_values=True),
            {name.lower(): value for name, value in headers.items()},
            json.loads(body) if body else None,
        )

    def refusals(self, asked: Asked) -> Iterator[str]:
        """Yield why the contract refuses a request; nothing where it takes it.

        Args:
            asked: The request.
        """
        method, _, path = asked.operation.partition(" ")
        operation = self.operation(method, path)
        assert operation is not None  # noqa: S101 - it was found before
        for (where, name), place in operation.parameters.items():
            texts = _texts(asked, where, name)
            if not texts and place.schema.get("required"):
                yield f"{where} parameter `{name}` is missing"
            schema = self._description.schema(place, "schema")
            if texts and schema is not None and not self._takes(schema, texts):
                yield f"{where} parameter `{name}` is refused: {', '.join(texts)}"
        body = self._description.at(operation.place, "requestBody")
        if body is None:
            return
        if asked.body is None:
            if body.schema.get("required"):
                yield "the body is missing"
            return
        schema = self._description.schema(body, "content", "application/json", "schema")
        if schema is None:
            yield "JSON is not taken"
        elif self._description.document.takes(schema, asked.body) is False:
            yield f"the body is refused: {json.dumps(asked.body)}"

    def _takes(self, schema: Place, texts: list[str]) -> bool:
        """Return whether a parameter takes texts, one of them or all as a list."""
        document = self._description.document
        one = [value for text in texts[:1] for value in _values(text)]
        candidates = [*(one if len(texts) == 1 else ()), texts]
        return any(document.takes(schema, value) is not False for value in candidates)

    def answer(
        self, operation: Operation, status: int | None, some: Any
    ) -> tuple[int, str, Any]:
        """Return an answer that the contract allows, with all that it requires.

        Args:
            operation: What is answered.
            status: With which status; its own good one when None.
            some: What the answer holds at least; None where that is left open.

        Returns:
            Status, media type, and the document; None for no body.

        Raises:
            ContractBroken: It does not allow that.
        """
        answers = self._description.table(operation.place, "responses")
        if status is None:
            status = next((int(it) for it in sorted(answers) if it[0] == "2"), 200)
        named = f"{operation.name} with {status}"
        kinds = (str(status), f"{status // 100}XX", "default")
        found = next((answers[kind] for kind in kinds if kind in answers), None)
        if found is None:
            if status < 500:
                raise ContractBroken(f"the contract has no answer of {named}")
            return status, "application/problem+json", some
        for media_type in self._description.table(found, "content"):
            schema = self._description.schema(found, "content", media_type, "schema")
            whole = some if schema is None else self._filled(schema, some, named)
            return status, media_type, whole
        return status, "", None

    def _filled(self, schema: Place, some: Any, named: str) -> Any:
        """Return a value of a schema that holds at least some given one."""
        parts = [schema.schema, *([] if some is None else [_at_least(some)])]
        court = Court()
        content = {**self._document, _ANSWER: {"allOf": parts}}
        description = Description(court, content)
        place = description.schema(description.root, _ANSWER)
        assert place is not None  # noqa: S101 - it was put there
        nothing = court.document(_NOTHING)
        judgement = court.judge(
            Side(description.document, place, View(hidden="writeOnly")),
            Side(nothing, nothing.places.root),
        )
        if judgement.verdict is Verdict.BREAKS:
            return judgement.witness
        why = judgement.reason or "no such value is allowed"
        said = json.dumps(some, ensure_ascii=False)
        raise ContractBroken(f"{named} cannot be answered like {said}: {why}")


def _at_least(value: Any) -> dict[str, Any]:
    """Return the schema of what holds a value, and in its objects maybe more."""
    if isinstance(value, dict):
        properties = {name: _at_least(one) for name, one in value.items()}
        return {
            "type": "object",
            "properties": properties,
            "required": sorted(properties),
        }
    if isinstance(value, list):
        return {
            "type": "array",
            "prefixItems": [_at_least(one) for one in value],
            "minItems": len(value),
            "maxItems": len(value),
        }
    return {"const": value}


def _pattern(path: str) -> re.Pattern[str]:
    """Return the expression of the paths that fit a template."""
    parts = _TEMPLATE.split(path)
    return re.compile(
        "".join(
            f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)
            for part in parts
        )
    )


def _texts(asked: Asked, where: str, name: str) -> list[str]:
    """Return what was sent of a parameter."""
    if where == "query":
        return list(asked.query.get(name, ()))
    found = asked.path.get(name) if where == "path" else asked.headers.get(name.lower())
    return [] if found is None or where == "cookie" else [found]


def _values(text: str) -> Iterator[Any]:
    """Yield what a text on the wire may stand for."""
    yield text
    if _NUMBER.fullmatch(text):
        yield json.loads(text) if not text.lstrip("-").startswith("00") else float(text)
    if text in ("true", "false"):
        yield text == "true"
