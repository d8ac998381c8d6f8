"""Two documents of any kind that is read, compared by what they say they are."""

from datetime import date
from typing import Any

from fleetwright_contracts._findings import Finding, Severity, Witness
from fleetwright_contracts._judgement import Judgement, Verdict, compare_schemas
from fleetwright_contracts._protoc import DescriptorSet
from fleetwright_contracts.asyncapi import compare_asyncapi
from fleetwright_contracts.errors import Unreadable
from fleetwright_contracts.openapi import compare_openapi
from fleetwright_contracts.schemas import DRAFT_2020, Dialect

_OPENAPI = "a document of OpenAPI"
_ASYNCAPI = "a document of AsyncAPI"
_PROTOBUF = "a set of descriptors of protobuf"
_SCHEMA = "a JSON Schema"


def compare(
    old: Any,
    new: Any,
    *,
    dialect: Dialect = DRAFT_2020,
    today: date | None = None,
    promise: str = "wire-json",
) -> list[Finding]:
    """Return what a new document does to those who go by the old one.

    Args:
        old: A document of OpenAPI or AsyncAPI, a JSON Schema, or descriptors of
            protobuf.
        new: The one that takes its place, of the same kind.
        dialect: How a JSON Schema is read where `$schema` does not say.
        today: The day by which sunsets count; None: they do not.
        promise: What users of protobuf rely on: `wire`, `wire-json` or `source`.

    Returns:
        Findings, the worst first. Of a JSON Schema nobody knows who sends and who reads
        by it: both are looked at.

    Raises:
        Unreadable: The two are of different kinds, or of none that is read.
        Unsupported: A document is of a version that is not read.
    """
    kinds = [_kind(document) for document in (old, new)]
    if kinds[0] != kinds[1]:
        raise Unreadable(f"the old one is {kinds[0]}, the new one {kinds[1]}")
    if kinds[0] == _OPENAPI:
        return compare_openapi(old, new, today=today)
    if kinds[0] == _ASYNCAPI:
        return compare_asyncapi(old, new)
    if kinds[0] == _PROTOBUF:
        return _protobuf(old, new, promise)
    return [
        *_found(
            compare_schemas(old, new, dialect=dialect),
            "schema-narrowed",
            "what was sent by the old schema is refused by the new one",
        ),
        *_found(
            compare_schemas(new, old, dialect=dialect),
            "schema-widened",
            "what is sent by the new schema is refused by the old one",
        ),
    ]


def _protobuf(old: DescriptorSet, new: DescriptorSet, promise: str) -> list[Finding]:
    """Compare descriptors; the library is an extra."""
    try:
        from fleetwright_contracts.protobuf import Promise, compare_protobuf
    except ModuleNotFoundError as error:
        raise Unreadable(
            "descriptors need the library protobuf to be read",
            where=old.name,
            hint="install `fleetwright-contracts[protobuf]`",
        ) from error
    return compare_protobuf(old, new, promise=Promise(promise))


def _kind(document: Any) -> str:
    """Return what a document is."""
    if isinstance(document, DescriptorSet):
        return _PROTOBUF
    if isinstance(document, dict):
        if "openapi" in document or "swagger" in document:
            return _OPENAPI
        if "asyncapi" in document:
            return _ASYNCAPI
    if isinstance(document, dict | bool):
        return _SCHEMA
    raise Unreadable(
        "this is none of OpenAPI, AsyncAPI, JSON Schema and protobuf",
        hint="is it the right file?",
    )


def _found(judgement: Judgement, rule: str, message: str) -> list[Finding]:
    """Return what a judgement says about two schemas."""
    if judgement.verdict is Verdict.BREAKS:
        witness = Witness(judgement.witness)
        return [Finding(rule, Severity.ERROR, "schema", message, witness=witness)]
    if judgement.verdict is Verdict.UNKNOWN:
        unsure = f"it is not known whether {message}: {judgement.reason}"
        return [Finding(f"{rule}-unknown", Severity.UNKNOWN, "schema", unsure)]
    return []
