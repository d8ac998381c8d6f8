"""What a change is measured by: which promise to its users it breaks."""

from collections.abc import Hashable, Mapping
from enum import StrEnum

from google.protobuf.descriptor import FieldDescriptor


class Promise(StrEnum):
    """What those who use messages rely on; each includes the ones before.

    Attributes:
        WIRE: Serialized messages are understood.
        WIRE_JSON: And so is their JSON.
        SOURCE: And code that uses what is generated of them still compiles.
    """

    WIRE = "wire"
    WIRE_JSON = "wire-json"
    SOURCE = "source"

    def covers(self, broken: "Promise") -> bool:
        """Return whether what breaks a promise is to be told under this one.

        Args:
            broken: The promise that is broken.
        """
        order = list(Promise)
        return order.index(broken) <= order.index(self)


_F = FieldDescriptor
NAMES: Mapping[int, str] = {
    getattr(_F, name): name.removeprefix("TYPE_").lower()
    for name in dir(_F)
    if name.startswith("TYPE_")
}
# Types of a group are understood as one another, but for values that are too large.
_ON_THE_WIRE: Mapping[int, str] = {
    **dict.fromkeys(
        (_F.TYPE_INT32, _F.TYPE_INT64, _F.TYPE_UINT32, _F.TYPE_UINT64, _F.TYPE_BOOL),
        "varint",
    ),
    **dict.fromkeys((_F.TYPE_SINT32, _F.TYPE_SINT64), "zigzag"),
    **dict.fromkeys((_F.TYPE_FIXED32, _F.TYPE_SFIXED32), "four bytes"),
    **dict.fromkeys((_F.TYPE_FIXED64, _F.TYPE_SFIXED64), "eight bytes"),
}
# The 64 bits are texts in JSON, and true is no number.
_IN_JSON: Mapping[int, str] = {
    **dict.fromkeys((_F.TYPE_INT32, _F.TYPE_UINT32), "varint of 32 bits"),
    **dict.fromkeys((_F.TYPE_INT64, _F.TYPE_UINT64), "varint of 64 bits"),
    **dict.fromkeys((_F.TYPE_FIXED32, _F.TYPE_SFIXED32), "four bytes"),
    **dict.fromkeys((_F.TYPE_FIXED64, _F.TYPE_SFIXED64), "eight bytes"),
}


def broken_by_type(old: int, new: int) -> Promise | None:
    """Return the first promise that a change of a field's type breaks.

    Args:
        old: The type it had.
        new: The type it has.

    Returns:
        None where the type is the same.
    """
    if old == new:
        return None
    texts = (old, new) == (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
    if not texts and _group(_ON_THE_WIRE, old) != _group(_ON_THE_WIRE, new):
        return Promise.WIRE
    if _group(_IN_JSON, old) != _group(_IN_JSON, new):
        return Promise.WIRE_JSON
    return Promise.SOURCE


def _group(groups: Mapping[int, str], kind: int) -> Hashable:
    """Return the group of a type; most are alone in theirs."""
    return groups.get(kind, kind)


def cardinality(field: FieldDescriptor) -> str:
    """Return how often a field may be there, in words.

    Args:
        field: The field.
    """
    if field.is_repeated:
        inner = field.message_type
        is_map = inner is not None and inner.GetOptions().map_entry
        return "map" if is_map else "repeated"
    if field.is_required:
        return "required"
    return "optional" if field.has_presence else "implicit"


def broken_by_cardinality(old: str, new: str) -> Promise | None:
    """Return the first promise that a change of cardinality breaks.

    Args:
        old: What it was.
        new: What it is.

    Returns:
        None where it is the same.
    """
    if old == new:
        return None
    if {old, new} == {"optional", "implicit"}:
        return Promise.SOURCE
    return Promise.WIRE_JSON if {old, new} == {"map", "repeated"} else Promise.WIRE
