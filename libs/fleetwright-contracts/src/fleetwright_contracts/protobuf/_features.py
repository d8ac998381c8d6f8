"""Features: what a syntax or an edition says, and what declarations say against it.

Descriptors of the library leave them out of their options, so they are read here.
"""

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FeatureSet,
    FieldDescriptorProto,
    FileDescriptorProto,
)

_PROTO2 = FeatureSet(
    json_format=FeatureSet.LEGACY_BEST_EFFORT, utf8_validation=FeatureSet.NONE
)
_SINCE = FeatureSet(json_format=FeatureSet.ALLOW, utf8_validation=FeatureSet.VERIFY)


def syntax_of(file: FileDescriptorProto) -> str:
    """Return what a file is written in: `proto2`, `proto3` or `editions`.

    Args:
        file: The file.
    """
    return file.syntax or "proto2"


def features_of(file: FileDescriptorProto) -> Iterator[tuple[str, FeatureSet]]:
    """Yield messages, enums, fields and extensions by full name, with their features.

    Args:
        file: The file.
    """
    usual = _PROTO2 if syntax_of(file) == "proto2" else _SINCE
    known = _with(usual, file.options.features)
    head = f"{file.package}." if file.package else ""
    for message in file.message_type:
        yield from _of_message(head, message, known)
    for enum in file.enum_type:
        yield head + enum.name, _with(known, enum.options.features)
    yield from _of_fields(head, file.extension, known)


def _of_message(
    head: str, message: DescriptorProto, around: FeatureSet
) -> Iterator[tuple[str, FeatureSet]]:
    """Yield what is declared in a message, the message first."""
    known = _with(around, message.options.features)
    yield head + message.name, known
    head = f"{head}{message.name}."
    for inner in message.nested_type:
        yield from _of_message(head, inner, known)
    for enum in message.enum_type:
        yield head + enum.name, _with(known, enum.options.features)
    yield from _of_fields(head, [*message.field, *message.extension], known)


def _of_fields(
    head: str, fields: Iterable[FieldDescriptorProto], around: FeatureSet
) -> Iterator[tuple[str, FeatureSet]]:
    """Yield fields."""
    for field in fields:
        yield head + field.name, _with(around, field.options.features)


def _with(around: FeatureSet, said: FeatureSet) -> FeatureSet:
    """Return what holds where something is said beside what holds around it."""
    found = FeatureSet()
    found.CopyFrom(around)
    found.MergeFrom(said)
    return found
