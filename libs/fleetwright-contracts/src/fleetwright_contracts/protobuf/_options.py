"""Options of files, messages and fields that change what is generated or carried."""

from collections.abc import Iterable

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import (
    FeatureSet,
    FieldOptions,
    FileDescriptorProto,
    FileOptions,
)

from fleetwright_contracts.protobuf._changes import Changes
from fleetwright_contracts.protobuf._features import syntax_of
from fleetwright_contracts.protobuf._promises import Promise

# Where code is generated to, and what it looks like there.
_OF_FILES = (
    "cc_enable_arenas",
    "cc_generic_services",
    "csharp_namespace",
    "go_package",
    "java_generic_services",
    "java_multiple_files",
    "java_outer_classname",
    "java_package",
    "objc_class_prefix",
    "optimize_for",
    "php_class_prefix",
    "php_metadata_namespace",
    "php_namespace",
    "py_generic_services",
    "ruby_package",
    "swift_prefix",
)
_TEXTS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
_LONG = (
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_SINT64,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_SFIXED64,
)


def compare_files(
    changes: Changes, old: FileDescriptorProto, new: FileDescriptorProto
) -> None:
    """Find what changed in how the code of a file is generated.

    Args:
        changes: What is compared.
        old: The old file.
        new: The new one.
    """
    for option in _OF_FILES:
        before, now = (getattr(one.options, option) for one in (old, new))
        if before != now:
            if option == "optimize_for":
                before, now = map(FileOptions.OptimizeMode.Name, (before, now))
            _tell_option(
                changes, "file-option-changed", new.name, option, (before, now)
            )
    before, now = syntax_of(old), syntax_of(new)
    if before != now:
        changes.tell(
            "file-syntax-changed",
            Promise.SOURCE,
            new.name,
            f"it was written in {before} and is in {now}",
            mend=f"keep {before}",
        )


def compare_message_options(changes: Changes, old: Descriptor, new: Descriptor) -> None:
    """Find what changed in the options of a message.

    Args:
        changes: What is compared.
        old: The old message.
        new: The new one.
    """
    before, now = old.GetOptions(), new.GetOptions()
    if before.message_set_wire_format != now.message_set_wire_format:
        changes.tell(
            "message-set-changed",
            Promise.WIRE,
            new.full_name,
            "`message_set_wire_format` is another: extensions are written otherwise",
            mend="keep the option",
        )
    option = "no_standard_descriptor_accessor"
    if getattr(now, option) and not getattr(before, option):
        _tell_option(
            changes, "message-option-changed", new.full_name, option, (False, True)
        )
    compare_json_format(changes, old, new)


def compare_json_format(
    changes: Changes,
    old: Descriptor | EnumDescriptor,
    new: Descriptor | EnumDescriptor,
) -> None:
    """Say that JSON was supported and is so no longer.

    Args:
        changes: What is compared.
        old: The old message or enum.
        new: The new one.
    """
    before = changes.old.features(old.full_name).json_format
    now = changes.new.features(new.full_name).json_format
    if before == FeatureSet.ALLOW != now:
        changes.tell(
            "json-format-changed",
            Promise.WIRE_JSON,
            new.full_name,
            "its JSON was promised, and is written as well as may be only",
            mend="keep the syntax of the file, or set `features.json_format = ALLOW`",
        )


def compare_field_options(
    changes: Changes, old: FieldDescriptor, new: FieldDescriptor
) -> None:
    """Find what changed in how a field looks in what is generated.

    Args:
        changes: What is compared.
        old: The old field.
        new: The new one, of the same number.
    """
    before, now = old.GetOptions(), new.GetOptions()
    if {old.type, new.type} <= set(_TEXTS) and before.ctype != now.ctype:
        names = map(FieldOptions.CType.Name, (before.ctype, now.ctype))
        _tell_option(changes, "field-option-changed", new.full_name, "ctype", names)
    if {old.type, new.type} <= set(_LONG) and before.jstype != now.jstype:
        names = map(FieldOptions.JSType.Name, (before.jstype, now.jstype))
        _tell_option(changes, "field-option-changed", new.full_name, "jstype", names)
    if old.type == new.type == FieldDescriptor.TYPE_STRING:
        features = changes.old.features(old.full_name), changes.new.features(
            new.full_name
        )
        checked = [one.utf8_validation == FeatureSet.VERIFY for one in features]
        if checked[0] != checked[1]:
            words = ["" if one else "not " for one in checked]
            changes.tell(
                "field-utf8-changed",
                Promise.SOURCE,
                new.full_name,
                f"field {new.number} was {words[0]}checked for UTF-8 and is "
                f"{words[1]}checked",
                mend="keep the syntax of the file, or set `features.utf8_validation`",
            )


def _tell_option(
    changes: Changes, rule: str, name: str, option: str, values: Iterable[object]
) -> None:
    """Say that an option is another: code that was written with it compiles no more."""
    before, now = values
    changes.tell(
        rule,
        Promise.SOURCE,
        name,
        f"`{option}` was {_shown(before)} and is {_shown(now)}",
        mend=f"keep `{option}`",
    )


def _shown(value: object) -> str:
    """Return the value of an option as a person reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"`{value}`" if value else "not set"
