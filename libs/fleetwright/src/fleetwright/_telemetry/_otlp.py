"""Protobuf by hand: the pieces that all messages of OTLP are made of.

Written once for each pair of name and value where that is a text or a small number:
most spans say the same few things.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from fleetwright._secrets import MASK, is_secret_name, mask

LONGEST_TEXT: Final = 16 * 1024
_REMEMBERED_LENGTH = 400  # a longer text hardly comes again
_DEEPEST = 4
# Never the same twice and never a secret: not worth being remembered or looked at.
_IDS: Final = frozenset(
    ("call_id", "fleetwright.call_id", "message", "messaging.message.id")
)
_LONGEST_ID = 40
fixed64 = struct.Struct("<Q").pack
signed64 = struct.Struct("<q").pack
double = struct.Struct("<d").pack


def varint(number: int) -> bytes:
    """Return a number that is not negative, seven bits a byte."""
    if number < 128:
        return bytes((number,))
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def field(number: int, content: bytes) -> bytes:
    """Return a field that has a length: a text, bytes or a message.

    Args:
        number: The number of the field.
        content: What is in it.
    """
    size = len(content)
    if number < 16 and size < 128:
        return bytes((number << 3 | 2, size)) + content
    return varint(number << 3 | 2) + varint(size) + content


def text(number: int, content: str) -> bytes:
    """Return a field that is a text."""
    return field(number, content[:LONGEST_TEXT].encode("utf-8", "replace"))


def attributes(number: int, said: Mapping[str, Any]) -> bytes:
    """Return attributes, each a field of its own; secrets in them are masked.

    Args:
        number: The number of the field.
        said: Names and values.
    """
    found = []
    for name, value in said.items():
        kind = value.__class__
        if name in _IDS and kind is str:
            content = value[:_LONGEST_ID].encode("utf-8", "replace")
            size = bytes((0x12, len(content) + 2, 0x0A, len(content)))
            found.append(field(number, _named(name)[0] + size + content))
        elif (kind is str and len(value) <= _REMEMBERED_LENGTH) or kind is int:
            found.append(_remembered(number, name, value))
        elif kind is float:
            content = b"\x12\x09\x21" + double(value)
            found.append(field(number, _named(name)[0] + content))
        else:
            found.append(_pair(number, name, value))
    return b"".join(found)


@lru_cache(maxsize=1024)
def _named(name: str) -> tuple[bytes, bool]:
    """Return a name as it is written, and whether it is that of a secret."""
    return text(1, str(name)), is_secret_name(str(name))


def _pair(number: int, name: str, value: Any) -> bytes:
    written, is_secret = _named(name)
    content = any_value(MASK if is_secret else value)
    return field(number, written + field(2, content))


_remembered = lru_cache(maxsize=8192, typed=True)(_pair)


def forget_values() -> None:
    """Write every value anew: another one may be a secret now."""
    _remembered.cache_clear()


def any_value(value: Any, depth: int = 0) -> bytes:
    """Return an `AnyValue`; what is of no type OTLP knows becomes a text.

    Args:
        value: The value.
        depth: How deep it lies; below some levels only its text is written.
    """
    if isinstance(value, str):
        return text(1, mask(value))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, float):
        return b"\x21" + double(value)
    if value is None:
        return b""
    if isinstance(value, bytes):
        return field(7, value[:LONGEST_TEXT])
    if depth >= _DEEPEST:
        return text(1, mask(str(value)))
    if isinstance(value, Mapping):
        pairs = [
            field(1, text(1, str(name)) + field(2, _inner(str(name), inner, depth + 1)))
            for name, inner in value.items()
        ]
        return field(6, b"".join(pairs))
    if isinstance(value, Sequence):
        inner_values = [field(1, any_value(inner, depth + 1)) for inner in value]
        return field(5, b"".join(inner_values))
    return text(1, mask(str(value)))


def _inner(name: str, value: Any, depth: int) -> bytes:
    return any_value(MASK if is_secret_name(name) else value, depth)


def scope(name: str, version: str) -> bytes:
    """Return an `InstrumentationScope`."""
    return text(1, name) + (text(2, version) if version else b"")


def request(
    resource: bytes, scopes: Mapping[tuple[str, str], Sequence[bytes]]
) -> bytes:
    """Return a request of any of the three services: they have the same shape.

    Args:
        resource: What all have in common, an encoded `Resource`.
        scopes: By scope, what was told, each an encoded field 2.
    """
    found = [field(1, resource)]
    for (name, version), told in scopes.items():
        found.append(field(2, b"".join((field(1, scope(name, version)), *told))))
    return field(1, b"".join(found))
