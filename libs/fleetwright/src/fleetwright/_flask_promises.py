"""What Flask's handlers promise, declared at each, and the OpenAPI made of it."""

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, ParamSpec

from flask import Flask, Response
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from werkzeug.routing import Rule

from fleetwright._flask_access import routes_of
from fleetwright._problem_schema import refused
from fleetwright._promised_bodies import promise_bodies
from fleetwright._promised_callers import promise_access
from fleetwright._service import Service
from fleetwright.errors import DeclarationError

P = ParamSpec("P")
Mode = Literal["validation", "serialization"]
Schemas = Mapping[Any, dict[str, Any]]  # by model and which way it goes
_PROMISE: Final = "__promise__"
_REFERENCE: Final = "#/components/schemas/{model}"
_VARIABLE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_TYPES: Final[Mapping[str, dict[str, str]]] = {
    "IntegerConverter": {"type": "integer"},
    "FloatConverter": {"type": "number"},
    "UUIDConverter": {"type": "string", "format": "uuid"},
}


@dataclass(frozen=True, slots=True)
class Promise:
    """What one handler takes and answers.

    Attributes:
        answer: What it answers.
        status: With which HTTP status.
        takes: What the body of a request consists of; None for no body.
        asks: The parameters of the query; None for none.
        refusals: When it is refused, by HTTP status.
        extra: Members of the operation written by hand, as `KEY_PARAMETER`.
    """

    answer: type[BaseModel]
    status: int = 200
    takes: type[BaseModel] | None = None
    asks: type[BaseModel] | None = None
    refusals: Mapping[int, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def models(self) -> Iterator[tuple[type[BaseModel], Mode]]:
        """The models it is about, and which way they go."""
        yield self.answer, "serialization"
        if self.takes is not None:
            yield self.takes, "validation"


def answers(
    answer: type[BaseModel],
    *,
    status: int = 200,
    takes: type[BaseModel] | None = None,
    asks: type[BaseModel] | None = None,
    refusals: Mapping[int, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Callable[[Callable[P, Any]], Callable[P, ResponseReturnValue]]:
    """Return a decorator that says what a Flask handler takes and answers.

    A model the handler returns becomes the JSON answer. It stands below the route:
    `@api.post("/vouchers")` and then `@answers(Voucher, status=201, takes=NewVoucher)`.

    Args:
        answer: What it answers; its fields alone go out.
        status: With which HTTP status.
        takes: What the body consists of; the handler reads it by `body(kind)`.
        asks: The parameters of the query; the handler reads them by `query(kind)`.
        refusals: When it is refused, by HTTP status; each a problem document.
        extra: Members of the OpenAPI operation written by hand.

    Returns:
        The decorator.

    Raises:
        DeclarationError: The handler has no docstring to describe it.
    """
    given = dict(refusals or {})
    if takes is not None or asks is not None:
        given.setdefault(422, "The request cannot be read: `invalid_request`.")
    promise = Promise(answer, status, takes, asks, given, dict(extra or {}))

    def promised(handler: Callable[P, Any]) -> Callable[P, ResponseReturnValue]:
        if not inspect.getdoc(handler):
            raise DeclarationError(
                f"{handler.__name__} promises an answer and does not say what it does",
                where=f"{handler.__module__}.{handler.__qualname__}",
                hint="write a docstring; its first line is the summary of the API",
            )

        @functools.wraps(handler)
        def answering(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            made: ResponseReturnValue | BaseModel = handler(*args, **kwargs)
            if not isinstance(made, BaseModel):
                return made
            text = made.model_dump_json(by_alias=True)
            return Response(text, promise.status, content_type="application/json")

        setattr(answering, _PROMISE, promise)
        return answering

    return promised


def openapi(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI description of what an application's handlers promise.

    Args:
        app: The application, mounted, with all its routes.

    Returns:
        The document (3.1); handlers without `@answers` are not in it.
    """
    return openapi_by(app, GenerateJsonSchema)


def openapi_by(app: Flask, writer: type[GenerateJsonSchema]) -> dict[str, Any]:
    """Return the OpenAPI description of an application, its schemas by a writer.

    Args:
        app: The application, mounted, with all its routes.
        writer: What writes the schemas of models.
    """
    service: Service = app.extensions["fleetwright"]
    promised: list[tuple[Rule, Any, Promise]] = []
    for rule in app.url_map.iter_rules():
        handler = app.view_functions[rule.endpoint]
        promise = getattr(handler, _PROMISE, None)
        if promise is not None:
            promised.append((rule, handler, promise))
    models = {model: None for _, _, promise in promised for model in promise.models}
    schemas, definitions = models_json_schema(
        list(models), ref_template=_REFERENCE, schema_generator=writer
    )
    paths: dict[str, Any] = {}
    for rule, handler, promise in promised:
        operation = _operation(app, rule, handler, promise, schemas)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            paths.setdefault(path_of(rule.rule), {})[method.lower()] = operation
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": service.name, "version": service.version},
        "tags": list(_tags(app)),
        "paths": paths,
        "components": {"schemas": definitions.get("$defs", {})},
    }
    access = {path_of(name): who for name, who in routes_of(app).items()}
    promise_access(document, access)
    promise_bodies(document)
    return document


def _operation(
    app: Flask, rule: Rule, handler: Any, promise: Promise, schemas: Schemas
) -> dict[str, Any]:
    told = inspect.getdoc(handler) or ""
    good = {
        "description": told.partition("\n")[0],
        "content": _json(schemas[promise.answer, "serialization"]),
    }
    operation: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "summary": told.partition("\n")[0].rstrip("."),
        "description": told,
        "tags": [rule.endpoint.rpartition(".")[0] or app.name],
        "parameters": [*_in_path(rule), *_in_query(promise.asks)],
        "responses": {str(promise.status): good},
    }
    for status, why in promise.refusals.items():
        operation["responses"][str(status)] = refused(why)
    if promise.takes is not None:
        content = _json(schemas[promise.takes, "validation"])
        operation["requestBody"] = {"required": True, "content": content}
    for name, value in promise.extra.items():
        kept = operation.get(name)
        operation[name] = [*kept, *value] if isinstance(kept, list) else value
    return operation


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def path_of(rule: str) -> str:
    """Return a rule as OpenAPI writes paths.

    Args:
        rule: As Flask writes it, with `<code>` for a variable.
    """
    return _VARIABLE.sub(r"{\1}", rule)


def _in_path(rule: Rule) -> Iterator[dict[str, Any]]:
    for name in sorted(rule.arguments):
        kind = type(rule._converters[name]).__name__
        schema = _TYPES.get(kind, {"type": "string"})
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(asks: type[BaseModel] | None) -> Iterator[dict[str, Any]]:
    if asks is None:
        return
    schema = asks.model_json_schema()
    for name, member in schema.get("properties", {}).items():
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": member.get("description", ""),
            "schema": member,
        }


def _tags(app: Flask) -> Iterator[dict[str, str]]:
    """Yield the blueprints, each explained by the first line of its module."""
    for name, blueprint in app.blueprints.items():
        module = sys.modules.get(blueprint.import_name)
        told = (inspect.getdoc(module) or name).partition("\n")[0]
        yield {"name": name, "description": told}
