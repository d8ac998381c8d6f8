"""Two sets of descriptors, compared by what was declared and is used."""

from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)

from fleetwright_contracts._findings import Finding, Severity
from fleetwright_contracts._protoc import DescriptorSet
from fleetwright_contracts.protobuf._changes import Changes
from fleetwright_contracts.protobuf._contract import Contract, Reserved
from fleetwright_contracts.protobuf._fields import compare_field, tell_removed
from fleetwright_contracts.protobuf._files import compare_all_files
from fleetwright_contracts.protobuf._options import (
    compare_json_format,
    compare_message_options,
)
from fleetwright_contracts.protobuf._promises import Promise
from fleetwright_contracts.protobuf._witnesses import unfinished

_ORDER = list(Severity)
_LEVELS = ("no", "no side effects", "idempotent")


def compare_protobuf(
    old: DescriptorSet, new: DescriptorSet, *, promise: Promise = Promise.WIRE_JSON
) -> list[Finding]:
    """Return what new descriptors do to those who go by the old ones.

    Messages that are only called otherwise are looked into, however deep: what is
    written as one and read as another fits as long as their fields do.

    Args:
        old: The descriptors that they go by.
        new: Those that are to take their place.
        promise: What they rely on.

    Returns:
        Findings, the worst first; none where everything fits.

    Raises:
        Unreadable: One of them is no set of descriptors.
    """
    changes = Changes(Contract(old), Contract(new), promise)
    compare_all_files(changes)
    for name, service in changes.old.services.items():
        _compare_services(changes, name, service)
    for name, message in changes.old.messages.items():
        found = changes.new.messages.get(name)
        if found is not None:
            changes.meet(message, found)
        elif not message.GetOptions().map_entry:
            _tell_gone(changes, "message", name)
    for name, enum in changes.old.enums.items():
        if name in changes.new.enums:
            changes.meet_enums(enum, changes.new.enums[name])
        else:
            _tell_gone(changes, "enum", name)
    _compare_extensions(changes)
    while changes.messages or changes.enums:
        if changes.messages:
            _compare_messages(changes, *changes.messages.pop())
        else:
            _compare_enums(changes, *changes.enums.pop())
    return sorted(changes.findings, key=lambda one: _ORDER.index(one.severity))


def _tell_gone(changes: Changes, kind: str, name: str) -> None:
    """Say that something is declared no longer."""
    changes.tell(
        f"{kind}-removed",
        Promise.SOURCE,
        name,
        f"the {kind} is gone",
        in_old=True,
        mend="keep it, deprecated",
    )


def _compare_extensions(changes: Changes) -> None:
    """Compare what is added to messages that are not declared here, such as options."""
    for name, extension in changes.old.extensions.items():
        around = extension.containing_type
        if around is None or around.full_name in changes.old.messages:
            continue  # a field of it like all others
        found = changes.new.extensions.get(name)
        if found is None:
            _tell_gone(changes, "extension", name)
        elif found.number != extension.number:
            changes.tell(
                "extension-renumbered",
                Promise.WIRE,
                name,
                f"its number was {extension.number} and is {found.number}",
                mend=f"keep the number {extension.number}",
            )
        elif found.containing_type is not None:
            there, _ = changes.ways(around, found.containing_type)
            compare_field(changes, there, extension, found)


# -- services


def _compare_services(changes: Changes, name: str, old: ServiceDescriptor) -> None:
    """Compare what can be called."""
    new = changes.new.services.get(name)
    if new is None:
        changes.tell(
            "service-removed",
            Promise.WIRE,
            name,
            "the service is gone: calls are not answered",
            in_old=True,
            mend="keep it, deprecated, until nobody calls it",
        )
        return
    for method in old.methods:
        found = new.methods_by_name.get(method.name)
        if found is not None:
            _compare_methods(changes, method, found)
            continue
        changes.tell(
            "rpc-removed",
            Promise.WIRE,
            method.full_name,
            "it is gone: calls are not answered",
            in_old=True,
            mend="keep it, deprecated, until nobody calls it",
        )


def _compare_methods(
    changes: Changes, old: MethodDescriptor, new: MethodDescriptor
) -> None:
    """Compare one method."""
    sides = (
        ("requests", old.client_streaming, new.client_streaming),
        ("answers", old.server_streaming, new.server_streaming),
    )
    for what, before, now in sides:
        if before != now:
            words = ["a stream" if one else "a single message" for one in (before, now)]
            changes.tell(
                "rpc-streaming-changed",
                Promise.WIRE,
                new.full_name,
                f"its {what} were {words[0]} and are {words[1]}",
                mend="add another method",
            )
    levels = [int(one.GetOptions().idempotency_level) for one in (old, new)]
    if levels[0] != levels[1]:
        changes.tell(
            "rpc-idempotency-changed",
            Promise.WIRE,
            new.full_name,
            f"it had {_LEVELS[levels[0]]} promise for being called twice and has "
            f"{_LEVELS[levels[1]]}",
            mend="keep the option `idempotency_level`",
        )
    pairs = (("request", old.input_type, new.input_type),)
    for what, one, other in (*pairs, ("answer", old.output_type, new.output_type)):
        changes.meet(one, other)
        if one.full_name != other.full_name:
            changes.tell(
                f"rpc-{what}-renamed",
                Promise.SOURCE,
                new.full_name,
                f"its {what} was a `{one.full_name}` and is a `{other.full_name}`",
                mend=f"keep `{one.full_name}`",
            )


# -- messages


def _compare_messages(changes: Changes, old: Descriptor, new: Descriptor) -> None:
    """Compare two messages of which one is read as the other."""
    there, back = changes.ways(old, new)
    before, now = changes.old.fields(old), changes.new.fields(new)
    for number, field in before.items():
        if number in now:
            compare_field(changes, there, field, now[number])
        elif not field.is_required:
            tell_removed(changes, there, field, new)
    for number, field in before.items():
        if field.is_required and number not in now:
            changes.tell(
                "required-field-removed",
                Promise.WIRE,
                field.full_name,
                f"field {number} is gone, and who goes by the old file requires it",
                in_old=True,
                mend="keep it",
                witness=unfinished(back),
            )
    for number, field in now.items():
        if field.is_required and number not in before:
            changes.tell(
                "required-field-added",
                Promise.WIRE,
                field.full_name,
                f"field {number} is required, and nobody writes it yet",
                mend="make it optional",
                witness=unfinished(there),
            )
    compare_message_options(changes, old, new)
    _compare_reserved(changes, old.full_name, new.full_name)
    _compare_ranges(changes, old, new)
    kept = {one.name for one in new.oneofs}
    for oneof in old.oneofs:
        is_made = len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}"
        if oneof.name not in kept and not is_made:
            _tell_gone(changes, "oneof", f"{old.full_name}.{oneof.name}")


def _compare_reserved(changes: Changes, old: str, new: str) -> None:
    """Compare what must not be used again."""
    if old != new:
        return
    before, now = changes.old.reserved(old), changes.new.reserved(new)
    lost = [
        f"{first} to {last}"
        for first, last in before.spans
        if not now.covers(first, last)
    ]
    lost += [f"`{name}`" for name in sorted(before.names - now.names)]
    if lost:
        changes.tell(
            "reserved-removed",
            Promise.WIRE,
            new,
            f"{', '.join(lost)} may be used again, and old messages have them",
            mend="keep it reserved",
        )


def _compare_ranges(changes: Changes, old: Descriptor, new: Descriptor) -> None:
    """Compare the numbers that are open to extensions."""
    spans = [(start, end - 1) for start, end in new.extension_ranges]
    kept = Reserved(tuple(spans), frozenset())
    ranges = [(start, end - 1) for start, end in old.extension_ranges]
    lost = [
        f"{first} to {last}" for first, last in ranges if not kept.covers(first, last)
    ]
    if lost:
        changes.tell(
            "extension-range-removed",
            Promise.SOURCE,
            new.full_name,
            f"{', '.join(lost)} cannot be used by extensions any longer",
            mend="keep the numbers open",
        )


# -- enums


def _compare_enums(changes: Changes, old: EnumDescriptor, new: EnumDescriptor) -> None:
    """Compare two enums of which one is read as the other."""
    names = _names(new)
    reserved = changes.new.reserved(new.full_name)
    for number, known in _names(old).items():
        if number not in names:
            free = "" if reserved.has(number) else str(number)
            names_left = sorted(known - reserved.names)
            _tell_value_gone(changes, old, number, free, names_left)
        elif not names[number] <= known:
            changes.tell(
                "enum-value-renamed",
                Promise.WIRE_JSON,
                f"{new.full_name}.{min(names[number] - known)}",
                f"{number} was called {_listed(known)}",
                mend=f"keep {_listed(known)}",
            )
    compare_json_format(changes, old, new)
    if old.is_closed != new.is_closed:
        words = ["closed" if one.is_closed else "open" for one in (old, new)]
        changes.tell(
            "enum-openness-changed",
            Promise.SOURCE,
            new.full_name,
            f"it was {words[0]} and is {words[1]} for numbers it does not know",
            mend="keep the syntax of the file",
        )
    _compare_reserved(changes, old.full_name, new.full_name)


def _tell_value_gone(
    changes: Changes, old: EnumDescriptor, number: int, free: str, names: list[str]
) -> None:
    """Say that a value is gone, and what of it is not reserved."""
    name = old.values_by_number[number].name
    broken = Promise.WIRE if free else Promise.WIRE_JSON if names else Promise.SOURCE
    missing = free or ", ".join(f'"{one}"' for one in names)
    ending = f", and {missing} may be used again" if missing else ""
    changes.tell(
        "enum-value-removed",
        broken,
        f"{old.full_name}.{name}",
        f"{number} (`{name}`) is gone{ending}",
        in_old=True,
        mend=f"reserve {missing}" if missing else "keep it, deprecated",
    )


def _names(enum: EnumDescriptor) -> dict[int, set[str]]:
    """Return the names of each number."""
    found: dict[int, set[str]] = {}
    for value in enum.values:
        found.setdefault(value.number, set()).add(value.name)
    return found


def _listed(names: set[str]) -> str:
    """Return names as a person reads them."""
    return ", ".join(f"`{name}`" for name in sorted(names))
