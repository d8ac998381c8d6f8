"""Changes of what is generated, of extensions and of features, as in `changes`."""

from protobuf.changes import Row, message


def option(name: str, old: str, new: str) -> Row:
    """Return a row in which an option of the file changes."""
    one, other = (f"option {name} = {it}; message A {{}}" for it in (old, new))
    return Row(name, one, other, "source", "file-option-changed")


def field_option(name: str, kind: str, new: str) -> Row:
    """Return a row in which an option of a field changes."""
    one, other = (message(f"{kind} x = 1{it};") for it in ("", f" [{name} = {new}]"))
    return Row(name, one, other, "source", "field-option-changed")


FILES = [
    option("cc_enable_arenas", "true", "false"),
    option("cc_generic_services", "false", "true"),
    option("csharp_namespace", '"a"', '"b"'),
    option("go_package", '"a"', '"b"'),
    option("java_generic_services", "false", "true"),
    option("java_multiple_files", "false", "true"),
    option("java_outer_classname", '"A"', '"B"'),
    option("java_package", '"a"', '"b"'),
    option("objc_class_prefix", '"A"', '"B"'),
    option("optimize_for", "SPEED", "CODE_SIZE"),
    option("php_class_prefix", '"A"', '"B"'),
    option("php_metadata_namespace", '"A"', '"B"'),
    option("php_namespace", '"A"', '"B"'),
    option("py_generic_services", "false", "true"),
    option("ruby_package", '"A"', '"B"'),
    option("swift_prefix", '"A"', '"B"'),
    Row(
        "option said as it is",
        "message A {}",
        "option optimize_for = SPEED; message A {}",
        "",
    ),
    Row(
        "syntax",
        message("repeated int32 x = 1;"),
        message("repeated int32 x = 1;"),
        "wire-json",
        "json-format-changed",
        now="proto2",
    ),
    Row(
        "syntax, for the better",
        message("repeated int32 x = 1;"),
        message("repeated int32 x = 1;"),
        "source",
        "file-syntax-changed",
        "proto2",
        "proto3",
    ),
    Row(
        "enum that is closed now",
        "enum E { Z = 0; }",
        "enum E { Z = 0; }",
        "source",
        "enum-openness-changed",
        "proto2",
        "2023",
    ),
]

FIELDS = [
    field_option("ctype", "string", "CORD"),
    field_option("jstype", "int64", "JS_STRING"),
    Row(
        "packed",
        message("repeated int32 x = 1;"),
        message("repeated int32 x = 1 [packed = false];"),
        "",
    ),
    Row(
        "deprecated",
        message("int32 x = 1;"),
        message("int32 x = 1 [deprecated = true];"),
        "",
    ),
    Row(
        "texts unchecked",
        message("string x = 1;"),
        message("string x = 1 [features.utf8_validation = NONE];"),
        "source",
        "field-utf8-changed",
        "2023",
    ),
    Row(
        "texts unchecked by the file",
        message("string x = 1;"),
        f"option features.utf8_validation = NONE; {message('string x = 1;')}",
        "source",
        "field-utf8-changed",
        "2023",
    ),
    Row(
        "message written as a group",
        message("A x = 1;"),
        message("A x = 1 [features.message_encoding = DELIMITED];"),
        "wire",
        "field-type-changed",
        "2023",
    ),
]

MESSAGES = [
    Row(
        "accessor",
        message(""),
        message("option no_standard_descriptor_accessor = true;"),
        "source",
        "message-option-changed",
    ),
    Row(
        "accessor back again",
        message("option no_standard_descriptor_accessor = true;"),
        message(""),
        "",
    ),
    Row(
        "set of messages",
        message("extensions 4 to max;"),
        message("option message_set_wire_format = true; extensions 4 to max;"),
        "wire",
        "message-set-changed",
        "proto2",
    ),
    Row(
        "JSON as well as may be",
        message(""),
        message("option features.json_format = LEGACY_BEST_EFFORT;"),
        "wire-json",
        "json-format-changed",
        "2023",
    ),
    Row(
        "JSON of an enum",
        "enum E { Z = 0; }",
        "enum E { option features.json_format = LEGACY_BEST_EFFORT; Z = 0; }",
        "wire-json",
        "json-format-changed",
        "2023",
    ),
    Row(
        "oneof gone",
        message("oneof o { int32 x = 1; }"),
        message("oneof p { int32 x = 1; }"),
        "wire",
        "field-oneof-changed",
    ),
    Row(
        "oneof without its fields",
        message("oneof o { int32 x = 1; }"),
        message('reserved 1; reserved "x";'),
        "source",
        "oneof-removed",
    ),
    Row(
        "fewer numbers for extensions",
        message("extensions 100 to 200;"),
        message("extensions 100 to 150;"),
        "source",
        "extension-range-removed",
        "proto2",
    ),
    Row(
        "numbers for extensions in two parts",
        message("extensions 100 to 200;"),
        message("extensions 100 to 150, 151 to 200;"),
        "",
        "",
        "proto2",
    ),
]

OF_OTHERS = 'import "google/protobuf/descriptor.proto"; %s message A {}'


def extended(name: str, old: str, new: str, breaks: str, rule: str) -> Row:
    """Return a row in which an extension of a message of others changes."""
    one, other = (
        OF_OTHERS % (f"extend google.protobuf.FieldOptions {{ {it} }}" if it else "")
        for it in (old, new)
    )
    return Row(name, one, other, breaks, rule, "proto2")


EXTENSIONS = [
    extended(
        "option gone", "optional int32 e = 5000;", "", "source", "extension-removed"
    ),
    extended(
        "option renumbered",
        "optional int32 e = 5000;",
        "optional int32 e = 5001;",
        "wire",
        "extension-renumbered",
    ),
    extended(
        "option of another type",
        "optional int32 e = 5000;",
        "optional string e = 5000;",
        "wire",
        "field-type-changed",
    ),
    extended(
        "option as before",
        "optional int32 e = 5000;",
        "optional int32 e = 5000;",
        "",
        "",
    ),
]

GENERATED = FILES + FIELDS + MESSAGES + EXTENSIONS
