"""A message that one side writes and the other does not read as it was meant.

Nothing is concluded here: messages are written and read by protobuf itself, and what
comes out is looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from fleetwright_contracts._findings import Witness

_F = FieldDescriptor
_CANDIDATES: dict[int, tuple[Any, ...]] = {
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_SINT32, _F.TYPE_SFIXED32), (1, -1, 70000)),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_SINT64, _F.TYPE_SFIXED64), (1, -1, 2**40)),
    **dict.fromkeys((_F.TYPE_UINT32, _F.TYPE_FIXED32), (1, 2**32 - 1)),
    **dict.fromkeys((_F.TYPE_UINT64, _F.TYPE_FIXED64), (1, 2**40, 2**64 - 1)),
    _F.TYPE_BOOL: (True,),
    _F.TYPE_FLOAT: (1.5,),
    _F.TYPE_DOUBLE: (1.5, 0.1),
    _F.TYPE_STRING: ("a", "\u00e9"),
    _F.TYPE_BYTES: (b"a", b"\xff"),
}


@dataclass(frozen=True, slots=True)
class Way:
    """Who writes and who reads.

    Attributes:
        writes: The message by which it is written.
        reads: The message by which it is read.
        writer: Whether the writer goes by the `old` or the `new` file.
    """

    writes: Descriptor
    reads: Descriptor
    writer: str

    @property
    def back(self) -> "Way":
        """The other way."""
        return Way(self.reads, self.writes, "new" if self.writer == "old" else "old")


def lost(way: Way, numbers: list[int], *, in_json: bool = False) -> Witness | None:
    """Return a message some fields of which are not read as they were written.

    Args:
        way: Who writes and who reads.
        numbers: The fields that are set.
        in_json: Whether it is carried as JSON.

    Returns:
        None where none was found.
    """
    for message in _messages(way.writes, numbers):
        carried = _carried(message, in_json=in_json)
        if carried is None:
            continue
        read, refused = _read(way.reads, carried)
        meant = [_meaning(message, number) for number in numbers]
        if read is not None and meant == [_meaning(read, one) for one in numbers]:
            continue
        shown: dict[str, Any] = {
            "message": way.writes.full_name,
            "written by": way.writer,
            "value": _shown(message),
        }
        if isinstance(carried, bytes):
            shown["bytes"] = carried.hex()
        shown["read as"] = refused if read is None else _shown(read)
        return Witness(shown)
    return None


def unfinished(way: Way) -> Witness | None:
    """Return a message that lacks what its reader requires.

    Args:
        way: Who writes and who reads.
    """
    message = _new(way.writes)
    for field in way.writes.fields:
        if field.is_required:
            _set(message, field, next(_values(field)))
    read, _ = _read(way.reads, message.SerializePartialToString())
    if read is None or read.IsInitialized() or not message.IsInitialized():
        return None
    required = [one for one in way.reads.fields if one.is_required]
    missing = ", ".join(one.name for one in required if not read.HasField(one.name))
    return Witness(
        {
            "message": way.writes.full_name,
            "written by": way.writer,
            "value": _shown(message),
            "bytes": message.SerializePartialToString().hex(),
            "read as": f"refused: {missing} is missing",
        }
    )


def _new(kind: Descriptor) -> Message:
    """Return an empty message."""
    return GetMessageClass(kind)()


def _messages(kind: Descriptor, numbers: list[int]) -> Iterator[Message]:
    """Yield messages in which some fields are set."""
    fields = [field for field in kind.fields if field.number in numbers]
    choices = [list(_values(field)) for field in fields]
    for place in range(max(map(len, choices), default=0)):
        message = _new(kind)
        for field, values in zip(fields, choices, strict=True):
            if values:
                _set(message, field, values[min(place, len(values) - 1)])
        yield message


def _values(field: FieldDescriptor) -> Iterator[Any]:
    """Yield values for a field, those of lists in lists."""
    single = list(_single(field))
    if not field.is_repeated:
        yield from single
        return
    yield from ([one] for one in single)
    if single:
        yield [single[0], single[-1]]


def _single(field: FieldDescriptor) -> Iterator[Any]:
    """Yield values for a field that is not repeated."""
    if field.enum_type is not None:
        numbers = [value.number for value in field.enum_type.values]
        yield from sorted(numbers, key=lambda number: (number == 0, number))
    elif field.message_type is not None:
        yield _new(field.message_type)
    else:
        yield from _CANDIDATES.get(field.type, ())


def _set(message: Message, field: FieldDescriptor, value: Any) -> None:
    """Set a field."""
    if field.is_repeated:
        inner = field.message_type
        if inner is not None and inner.GetOptions().map_entry:
            key, item = inner.fields_by_number[1], inner.fields_by_number[2]
            table = getattr(message, field.name)
            name = next(_single(key))
            if item.message_type is not None:
                table[name].SetInParent()
            else:
                table[name] = next(_single(item))
            return
        getattr(message, field.name).extend(value)
    elif field.message_type is not None:
        getattr(message, field.name).SetInParent()
    else:
        setattr(message, field.name, value)


def _carried(message: Message, *, in_json: bool) -> bytes | dict[str, Any] | None:
    """Return a message as it is carried; None where it cannot be."""
    if not in_json:
        return message.SerializePartialToString()
    try:
        return MessageToDict(message)
    except (ValueError, TypeError):
        return None


def _read(kind: Descriptor, carried: Any) -> tuple[Message | None, str]:
    """Return a message as it is read, or why it is refused."""
    message = _new(kind)
    try:
        if isinstance(carried, bytes):
            message.ParseFromString(carried)
        else:
            ParseDict(carried, message)
    except (DecodeError, ParseError, UnicodeDecodeError) as error:
        return None, f"refused: {str(error).strip().splitlines()[0]}"
    return message, ""


def _meaning(message: Message, number: int) -> Any:
    """Return what the field with a number says, so that two messages can be compared.

    A text and its bytes mean the same, and so do one value and a list of it.
    """
    field = message.DESCRIPTOR.fields_by_number.get(number)
    if field is None:
        return None
    found = getattr(message, field.name)
    if field.is_repeated:
        inner = field.message_type
        if inner is not None and inner.GetOptions().map_entry:
            return {_plain(name): _plain(found[name]) for name in found}
        listed = [_plain(one) for one in found]
        return listed[0] if len(listed) == 1 else listed or None
    if field.has_presence and not message.HasField(field.name):
        return None
    return _plain(found)


def _plain(value: Any) -> Any:
    """Return a value without its type."""
    if isinstance(value, str):
        return value.encode()
    return "a message" if isinstance(value, Message) else value


def _shown(message: Message) -> Any:
    """Return a message as JSON shows it."""
    try:
        return MessageToDict(message, preserving_proto_field_name=True)
    except (ValueError, TypeError):
        return str(message)
