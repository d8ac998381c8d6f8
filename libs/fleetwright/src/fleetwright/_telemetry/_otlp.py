"""Protobuf by hand: the pieces that all messages of OTLP are made of.

Written once for each pair of name and value where that is a text or a small number:
most spans say the same few things.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from types import NoneType
from typing import Any, Final

from fleetwright._secrets import MASK, is_secret_name, mask

LONGEST_TEXT: Final = 16 * 1024
_REMEMBERED: Final = frozenset((str, int, NoneType))  # no two of them are equal
_REMEMBERED_LENGTH = 2_200  # the longest text of a statement, and its name
_MOST_REMEMBERED = 4_096
_DEEPEST = 4
# Never the same twice and never a secret: not worth being remembered or looked at.
_IDS: Final = frozenset(
    ("call_id", "fleetwright.call_id", "message", "messaging.message.id")
)
_SHORT = 60  # characters of a text whose length as it is written has one byte
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
    return _begin(number, len(content)) + content


@lru_cache(maxsize=4096)
def _begin(number: int, size: int) -> bytes:
    """Return what stands before the content of a field."""
    return varint(number << 3 | 2) + varint(size)


def text(number: int, content: str) -> bytes:
    """Return a field that is a text."""
    return field(number, content[:LONGEST_TEXT].encode("utf-8", "replace"))


def attributes(number: int, said: Mapping[str, Any]) -> bytes:
    """Return attributes, each a field of its own; secrets in them are masked.

    Args:
        number: The number of the field.
        said: Names and values; one without a value is left out.
    """
    written = _written(number)
    return b"".join(
        [
            (
                written[pair]
                if pair[1].__class__ in _REMEMBERED
                else _seldom(number, *pair)
            )
            for pair in said.items()
        ]
    )


class _Written(dict[tuple[str, Any], bytes]):
    """What was written for a pair of name and value; begins anew when it is full."""

    def __init__(self, number: int) -> None:
        """Remember the pairs of one field.

        Args:
            number: The number of the field.
        """
        self._number = number

    def __missing__(self, pair: tuple[str, Any]) -> bytes:
        """Write a pair; one that may come again is remembered."""
        name, value = pair
        is_id = name in _IDS
        if value.__class__ is str and len(value) <= _SHORT:
            found = short_text(self._number, name, value if is_id else mask(value))
        else:
            found = _pair(self._number, name, value)
        if not is_id and len(found) <= _REMEMBERED_LENGTH:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[pair] = found
        return found


_written = cache(_Written)


def forget_values() -> None:
    """Write every value anew: another one may be a secret now."""
    _written.cache_clear()


def _seldom(number: int, name: str, value: Any) -> bytes:
    """Return an attribute whose value hardly comes again."""
    if value.__class__ is float and (head := number_head(number, name)):
        return head + double(value)
    return _pair(number, name, value)


@lru_cache(maxsize=1024)
def number_head(number: int, name: str) -> bytes:
    """Return what stands before a float; nothing for one that is a secret."""
    written, is_secret = _named(name)
    return b"" if is_secret else _head(number, written + b"\x12\x09\x21", 8)


def short_text(number: int, name: str, value: str) -> bytes:
    """Return an attribute whose value is a short text.

    Args:
        number: The number of the field.
        name: Of the attribute.
        value: Without secrets.
    """
    content = value.encode("utf-8", "replace")
    head = _text_head(number, name, len(content))
    return head + content if head else _pair(number, name, value)


@lru_cache(maxsize=4096)
def _text_head(number: int, name: str, size: int) -> bytes:
    """Return what stands before a text; nothing for one that is a secret or long."""
    written, is_secret = _named(name)
    if is_secret or size > 125:  # its length has more than one byte
        return b""
    return _head(number, written + bytes((0x12, size + 2, 0x0A, size)), size)


def _head(number: int, before: bytes, size: int) -> bytes:
    """Return what stands before so many bytes that are written last in a field."""
    whole = field(number, before + bytes(size))
    return whole[: len(whole) - size]


@lru_cache(maxsize=1024)
def _named(name: str) -> tuple[bytes, bool]:
    """Return a name as it is written, and whether it is that of a secret."""
    return text(1, str(name)), is_secret_name(str(name))


def _pair(number: int, name: str, value: Any) -> bytes:
    if value is None:
        return b""
    written, is_secret = _named(name)
    content = any_value(MASK if is_secret else value)
    return field(number, written + field(2, content))


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
    parts = [field(1, resource)]
    for (name, version), told in scopes.items():
        first = field(1, scope(name, version))
        parts += (_tag(2, first, *told), first, *told)
    return b"".join((_tag(1, *parts), *parts))  # the only copy of all that was told


def _tag(number: int, *parts: bytes) -> bytes:
    """Return what stands before the parts of a field."""
    return varint(number << 3 | 2) + varint(sum(map(len, parts)))
