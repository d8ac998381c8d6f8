"""Answers that leave out what their model has: the schema of what really goes out."""

from collections.abc import Mapping
from typing import Any

from fastapi.routing import APIRoute, iter_route_contexts
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

_METHODS_WITHOUT_BODY = frozenset(("HEAD", "OPTIONS"))


def lean_answers(app: Any, document: dict[str, Any]) -> None:
    """Write into a document what routes answer that leave something out.

    FastAPI's own document does not know `response_model_exclude_none` and its kin, nor
    `response_model_by_alias=False`.

    Args:
        app: The application.
        document: Its document; it is changed.
    """
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if not isinstance(route, APIRoute) or route.response_field is None:
            continue
        left_out = _left_out(route)
        if not left_out:
            continue
        for method in sorted((context.methods or set()) - _METHODS_WITHOUT_BODY):
            path = document["paths"].get(context.path_format, {})
            answer = _main_answer(path.get(method.lower(), {}), route)
            if answer is not None:
                answer["schema"] = _schema(route, left_out, document)


def _left_out(route: APIRoute) -> list[str]:
    """Return what a route leaves out, by the names of FastAPI's options."""
    flags = {
        "exclude_none": route.response_model_exclude_none,
        "exclude_unset": route.response_model_exclude_unset,
        "exclude_defaults": route.response_model_exclude_defaults,
        "by_name": not route.response_model_by_alias,
    }
    return [name for name, is_set in flags.items() if is_set]


def _main_answer(operation: Mapping[str, Any], route: APIRoute) -> Any:
    """Return where the schema of a route's own answer stands; None for nowhere."""
    status = str(route.status_code or 200)
    content = operation.get("responses", {}).get(status, {}).get("content", {})
    return content.get("application/json")


def _schema(route: APIRoute, left_out: list[str], document: dict[str, Any]) -> Any:
    """Return the schema of an answer; what it refers to is added to the document."""
    suffix = f".{'.'.join(left_out)}"
    writer = _Leaner(
        by_alias="by_name" not in left_out,
        ref_template="#/components/schemas/{model}" + suffix,
    )
    writer.drops_none = "exclude_none" in left_out
    writer.drops_defaults = bool({"exclude_unset", "exclude_defaults"} & set(left_out))
    field: Any = route.response_field
    schema = writer.generate(field._type_adapter.core_schema, mode="serialization")
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name, definition in schema.pop("$defs", {}).items():
        schemas[f"{name}{suffix}"] = definition
    return schema


class _Leaner(GenerateJsonSchema):
    """Writes schemas of what is left after leaving out.

    Attributes:
        drops_none: Whether a field that is None does not go out.
        drops_defaults: Whether a field that has its default does not go out.
    """

    drops_none = False
    drops_defaults = False

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Return whether a field is in every value."""
        if self.drops_none and _may_be_none(field["schema"]):
            return False
        if self.drops_defaults and field["schema"]["type"] == "default":
            return False
        return super().field_is_required(field, total)

    def model_field_schema(self, schema: Any) -> JsonSchemaValue:
        """Return the schema of a field's value where it goes out."""
        made = super().model_field_schema(schema)
        branches = made.get("anyOf")
        if not self.drops_none or not isinstance(branches, list):
            return made
        rest = [one for one in branches if one.get("type") != "null"]
        others = {name: one for name, one in made.items() if name != "anyOf"}
        return {**rest[0], **others} if len(rest) == 1 else {**others, "anyOf": rest}


def _may_be_none(schema: Mapping[str, Any]) -> bool:
    """Return whether a field may be None, as its core schema says."""
    while schema["type"] not in ("nullable", "none", "any"):
        inner = schema.get("schema")
        if not isinstance(inner, Mapping) or schema["type"] == "model":
            return False
        schema = inner
    return True
