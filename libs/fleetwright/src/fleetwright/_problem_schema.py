"""A problem as OpenAPI promises it: the one media type, the schema in full."""

from typing import Any, Final

from pydantic import BaseModel, Field

from fleetwright._problem import MEDIA_TYPE


class WrongPart(BaseModel):
    """A part of a request that cannot be read."""

    at: str = Field(description="Where it is, for example `body.reference`.")
    why: str = Field(description="What is wrong with it.")
    type: str = Field(description="The rule it breaks, for programs.")


class ProblemDocument(BaseModel):
    """A problem document (RFC 9457) with a `kind`; subclass it for more members."""

    type: str = Field(description="A page about this sort of problem, if any.")
    title: str = Field(description="The problem in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str | None = Field(default=None, description="This very case.")
    instance: str | None = Field(default=None, description="The call's trace id.")
    kind: str = Field(description="The reason, for programs.")
    errors: list[WrongPart] | None = Field(
        default=None, description="With `invalid_request`: every part that is wrong."
    )


def refused(
    description: str, model: type[ProblemDocument] = ProblemDocument
) -> dict[str, Any]:
    """Return an answer for FastAPI's `responses`.

    FastAPI would promise the model as application/json as well; a schema written out
    in full is promised in the one media type it comes in.

    Args:
        description: When it is answered; names the kinds.
        model: What it consists of.

    Returns:
        The value for one status.
    """
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    content = {MEDIA_TYPE: {"schema": _inline(schema, definitions)}}
    return {"description": description, "content": content}


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return the schema with what it refers to written in its place."""
    if isinstance(schema, list):
        return [_inline(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inline(part, definitions) for name, part in schema.items()}


INVALID_REQUEST: Final = refused("The request cannot be read: `invalid_request`.")
