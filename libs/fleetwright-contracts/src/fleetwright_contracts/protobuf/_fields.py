"""The fields of a message: gone, of another type, name, number or cardinality."""

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from fleetwright_contracts._findings import Severity, Witness
from fleetwright_contracts.protobuf._changes import Changes
from fleetwright_contracts.protobuf._options import compare_field_options
from fleetwright_contracts.protobuf._promises import (
    NAMES,
    Promise,
    broken_by_cardinality,
    broken_by_type,
    cardinality,
)
from fleetwright_contracts.protobuf._witnesses import Way, lost


def compare_field(
    changes: Changes, way: Way, old: FieldDescriptor, new: FieldDescriptor
) -> None:
    """Find what changed in a field that is still there.

    Args:
        changes: What is compared.
        way: From the old message to the new one.
        old: The old field.
        new: The new one, of the same number.
    """
    if not _compare_cardinality(changes, way, old, new):
        return
    _compare_names(changes, way, old, new)
    _compare_oneofs(changes, way, old, new)
    _compare_types(changes, way, old, new)
    _compare_defaults(changes, old, new)
    compare_field_options(changes, old, new)


def tell_removed(
    changes: Changes, way: Way, old: FieldDescriptor, new: Descriptor
) -> None:
    """Say that a field is gone, and what of it is not reserved.

    Args:
        changes: What is compared.
        way: From the old message to the new one.
        old: The field.
        new: The message that has it no longer.
    """
    reserved = changes.new.reserved(new.full_name)
    if not reserved.has(old.number):
        broken, missing = Promise.WIRE, f"its number {old.number}"
    elif old.name not in reserved.names:
        broken, missing = Promise.WIRE_JSON, f"its name `{old.name}`"
    else:
        broken, missing = Promise.SOURCE, ""
    ending = f", and {missing} may be used again" if missing else ""
    changes.tell(
        "field-removed",
        broken,
        old.full_name,
        f"field {old.number} is gone{ending}",
        in_old=True,
        mend=f"reserve {missing}" if missing else "keep it, deprecated",
        witness=lost(way, [old.number]),
    )


def _compare_cardinality(
    changes: Changes, way: Way, old: FieldDescriptor, new: FieldDescriptor
) -> bool:
    """Compare how often a field may be there; False where all else is pointless."""
    before, now = cardinality(old), cardinality(new)
    broken = broken_by_cardinality(before, now)
    if broken is None:
        return True
    in_json = broken is Promise.WIRE_JSON
    there = lost(way, [old.number], in_json=in_json)
    changes.tell(
        "field-cardinality-changed",
        broken,
        new.full_name,
        f"field {new.number} was {before} and is {now}",
        mend=f"keep it {before}, or add another field",
        witness=there or lost(way.back, [old.number], in_json=in_json),
    )
    return broken is not Promise.WIRE


def _compare_names(
    changes: Changes, way: Way, old: FieldDescriptor, new: FieldDescriptor
) -> None:
    """Compare what a field is called, in source and in JSON."""
    if old.name != new.name and not new.is_extension:
        changes.tell(
            "field-renamed",
            Promise.WIRE_JSON,
            new.full_name,
            f"field {new.number} was called `{old.name}`",
            mend=f"keep the name `{old.name}`",
            witness=lost(way, [old.number], in_json=True),
        )
    elif old.json_name != new.json_name:
        changes.tell(
            "field-json-name-changed",
            Promise.WIRE_JSON,
            new.full_name,
            f"field {new.number} was `{old.json_name}` in JSON and is "
            f"`{new.json_name}`",
            mend=f'keep `json_name = "{old.json_name}"`',
            witness=lost(way, [old.number], in_json=True),
        )


def _oneof(field: FieldDescriptor) -> str:
    """Return the name of the oneof that a field is part of; empty for none."""
    around = field.containing_oneof
    if around is None or field.is_extension:
        return ""
    # What proto3 makes of `optional` is no oneof that anybody wrote.
    is_made = len(around.fields) == 1 and around.name == f"_{field.name}"
    return "" if is_made else around.name


def _compare_oneofs(
    changes: Changes, way: Way, old: FieldDescriptor, new: FieldDescriptor
) -> None:
    """Compare which alternatives a field belongs to."""
    before, now = _oneof(old), _oneof(new)
    if before == now:
        return
    words = [
        f"in oneof `{one}`" if one else "outside of a oneof" for one in (now, before)
    ]
    changes.tell(
        "field-oneof-changed",
        Promise.WIRE,
        new.full_name,
        f"field {new.number} is {words[0]} and was {words[1]}",
        mend="leave it where it was, or add another field",
        witness=_overwritten(way, old, new) or _overwritten(way.back, new, old),
    )


def _overwritten(
    way: Way, old: FieldDescriptor, new: FieldDescriptor
) -> Witness | None:
    """Return a message with two fields of which only the last one is read."""
    around = new.containing_oneof
    for other in around.fields if around is not None else ():
        both = way.writes.fields_by_number.get(other.number)
        if both is None or other.number == new.number:
            continue
        together = both.containing_oneof
        if together is None or together is not old.containing_oneof:
            return lost(way, [old.number, other.number])
    return None


def _compare_types(
    changes: Changes, way: Way, old: FieldDescriptor, new: FieldDescriptor
) -> None:
    """Compare the type of a field; messages and enums are looked into."""
    broken = broken_by_type(old.type, new.type)
    if broken is not None:
        _tell_type(changes, way, old, new, broken)
        return
    one, other = old.message_type, new.message_type
    if one is not None and other is not None:
        changes.meet(one, other)
    if old.enum_type is not None and new.enum_type is not None:
        changes.meet_enums(old.enum_type, new.enum_type)
    before, now = _type_name(old), _type_name(new)
    is_map = one is not None and one.GetOptions().map_entry
    if before != now and not is_map:
        changes.tell(
            "field-type-renamed",
            Promise.SOURCE,
            new.full_name,
            f"field {new.number} was a `{before}` and is a `{now}`",
            mend=f"keep `{before}`",
        )


def _type_name(field: FieldDescriptor) -> str:
    """Return the full name of a field's message or enum; its type else."""
    found = field.message_type or field.enum_type
    return found.full_name if found is not None else NAMES[field.type]


def _tell_type(
    changes: Changes,
    way: Way,
    old: FieldDescriptor,
    new: FieldDescriptor,
    broken: Promise,
) -> None:
    """Say that a field has another type, and whether that matters for all values."""
    message = f"field {new.number} was `{_type_name(old)}` and is `{_type_name(new)}`"
    in_json = broken is Promise.WIRE_JSON
    there = lost(way, [old.number], in_json=in_json)
    back = lost(way.back, [old.number], in_json=in_json)
    told = changes.promise.covers(broken) and broken is not Promise.SOURCE
    if told or changes.promise is Promise.SOURCE:
        changes.tell(
            "field-type-changed",
            broken,
            new.full_name,
            message,
            mend="keep the type, or add another field",
            witness=there or back,
        )
        return
    there, back = lost(way, [old.number]), lost(way.back, [old.number])
    if there or back:
        changes.tell(
            "field-value-changed",
            Promise.WIRE,
            new.full_name,
            f"{message}: not every value is read as it was written",
            severity=Severity.WARNING if there else Severity.NOTE,
            mend="keep the type where such values are sent",
            witness=there or back,
        )


def _compare_defaults(
    changes: Changes, old: FieldDescriptor, new: FieldDescriptor
) -> None:
    """Compare what is read where nothing was written."""
    if old.type != new.type or old.is_repeated or old.message_type is not None:
        return
    if old.has_default_value != new.has_default_value or (
        old.has_default_value and old.default_value != new.default_value
    ):
        changes.tell(
            "field-default-changed",
            Promise.WIRE,
            new.full_name,
            f"field {new.number} is {new.default_value!r} where it is not written, and "
            f"was {old.default_value!r}",
            mend="keep the default",
        )
