"""Changes of files of protobuf, and the first promise that each of them breaks.

The cases are those that `buf breaking` has rules for, in words of our own. Rows of
`OTHERWISE` are judged otherwise than by buf, and say why.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """One change.

    Attributes:
        name: What it is.
        old: The file before, without its head.
        new: The file after.
        breaks: `wire`, `wire-json` or `source`; empty where nothing breaks.
        rule: The rule by which it is found.
        syntax: Which syntax both are written in.
        now: Which the new one is written in, if in another.
    """

    name: str
    old: str
    new: str
    breaks: str
    rule: str = ""
    syntax: str = "proto3"
    now: str = ""


def message(fields: str) -> str:
    """Return a file with one message."""
    return f"message A {{ {fields} }}"


def typed(name: str, old: str, new: str, breaks: str) -> Row:
    """Return a row in which the type of a field changes."""
    rule = "field-type-changed" if breaks else ""
    return Row(name, message(f"{old} x = 1;"), message(f"{new} x = 1;"), breaks, rule)


def counted(name: str, old: str, new: str, breaks: str, syntax: str = "proto3") -> Row:
    """Return a row in which the cardinality of a field changes."""
    rule = "field-cardinality-changed" if breaks else ""
    return Row(name, message(old), message(new), breaks, rule, syntax)


SERVICE = "message A {} message B { int32 b = 1; } service S { %s }"


def served(name: str, old: str, new: str, breaks: str, rule: str) -> Row:
    """Return a row in which a service changes."""
    return Row(name, SERVICE % old, SERVICE % new, breaks, rule)


TYPES = [
    typed("int32 to uint32", "int32", "uint32", "source"),
    typed("int32 to int64", "int32", "int64", "wire-json"),
    typed("int64 to int32", "int64", "int32", "wire-json"),
    typed("int64 to uint64", "int64", "uint64", "source"),
    typed("uint32 to bool", "uint32", "bool", "wire-json"),
    typed("sint32 to sint64", "sint32", "sint64", "wire-json"),
    typed("int32 to sint32", "int32", "sint32", "wire"),
    typed("fixed32 to sfixed32", "fixed32", "sfixed32", "source"),
    typed("fixed64 to sfixed64", "fixed64", "sfixed64", "source"),
    typed("fixed32 to fixed64", "fixed32", "fixed64", "wire"),
    typed("fixed32 to int32", "fixed32", "int32", "wire"),
    typed("string to bytes", "string", "bytes", "wire-json"),
    typed("bytes to string", "bytes", "string", "wire"),
    typed("float to double", "float", "double", "wire"),
    typed("string to int32", "string", "int32", "wire"),
    typed("double to fixed64", "double", "fixed64", "wire"),
    typed("message to bytes", "A", "bytes", "wire"),
    Row(
        "enum to int32",
        "enum E { Z = 0; O = 1; } " + message("E x = 1;"),
        "enum E { Z = 0; O = 1; } " + message("int32 x = 1;"),
        "wire",
        "field-type-changed",
    ),
    Row(
        "message to enum",
        "enum E { Z = 0; } " + message("A x = 1;"),
        "enum E { Z = 0; } " + message("E x = 1;"),
        "wire",
        "field-type-changed",
    ),
]

CARDINALITIES = [
    counted("single to repeated", "int32 x = 1;", "repeated int32 x = 1;", "wire"),
    counted("repeated to single", "repeated A x = 1;", "A x = 1;", "wire"),
    counted("map to single", "map<int32, int32> x = 1;", "int32 x = 1;", "wire"),
    counted("implicit to optional", "int32 x = 1;", "optional int32 x = 1;", "source"),
    counted(
        "map to list of its entries",
        "message E { int32 key = 1; int32 value = 2; } map<int32, int32> x = 1;",
        "message E { int32 key = 1; int32 value = 2; } repeated E x = 1;",
        "wire-json",
    ),
    counted(
        "optional to required",
        "optional int32 x = 1;",
        "required int32 x = 1;",
        "wire",
        "proto2",
    ),
    counted(
        "required to optional",
        "required int32 x = 1;",
        "optional int32 x = 1;",
        "wire",
        "proto2",
    ),
]

FIELDS = [
    Row("nothing", message("int32 x = 1;"), message("int32 x = 1;"), ""),
    Row("comment", message("int32 x = 1;"), message("/* so */ int32 x = 1;"), ""),
    Row("field added", message(""), message("int32 x = 1;"), ""),
    Row("order", message("int32 x=1; int32 y=2;"), message("int32 y=2;int32 x=1;"), ""),
    Row("field gone", message("int32 x = 1;"), message(""), "wire", "field-removed"),
    Row(
        "field gone, number reserved",
        message("int32 x = 1;"),
        message("reserved 1;"),
        "wire-json",
        "field-removed",
    ),
    Row(
        "field gone, name reserved",
        message("int32 x = 1;"),
        message('reserved "x";'),
        "wire",
        "field-removed",
    ),
    Row(
        "field gone, both reserved",
        message("int32 x = 1;"),
        message('reserved 1; reserved "x";'),
        "source",
        "field-removed",
    ),
    Row(
        "field renumbered",
        message("int32 x = 1;"),
        message("int32 x = 2;"),
        "wire",
        "field-removed",
    ),
    Row(
        "field renamed",
        message("int32 x = 1;"),
        message("int32 y = 1;"),
        "wire-json",
        "field-renamed",
    ),
    Row(
        "name in JSON",
        message("int32 x_y = 1;"),
        message('int32 x_y = 1 [json_name = "z"];'),
        "wire-json",
        "field-json-name-changed",
    ),
    Row(
        "into a oneof",
        message("int32 x = 1; int32 y = 2;"),
        message("oneof o { int32 x = 1; int32 y = 2; }"),
        "wire",
        "field-oneof-changed",
    ),
    Row(
        "out of a oneof",
        message("oneof o { int32 x = 1; int32 y = 2; }"),
        message("int32 x = 1; int32 y = 2;"),
        "wire",
        "field-oneof-changed",
    ),
    Row(
        "to another oneof",
        message("oneof o { int32 x = 1; int32 y = 2; } oneof p { int32 z = 3; }"),
        message("oneof o { int32 x = 1; } oneof p { int32 z = 3; int32 y = 2; }"),
        "wire",
        "field-oneof-changed",
    ),
    Row(
        "optional is no oneof",
        message("optional int32 x = 1;"),
        message("optional int32 x = 1; optional int32 y = 2;"),
        "",
    ),
    Row(
        "required added",
        message(""),
        message("required int32 x = 1;"),
        "wire",
        "required-field-added",
        "proto2",
    ),
    Row(
        "required gone",
        message("required int32 x = 1;"),
        message('reserved 1; reserved "x";'),
        "wire",
        "required-field-removed",
        "proto2",
    ),
    Row(
        "default",
        message("optional int32 x = 1 [default = 1];"),
        message("optional int32 x = 1 [default = 2];"),
        "wire",
        "field-default-changed",
        "proto2",
    ),
    Row(
        "extension of another type",
        message("extensions 100 to 200;") + " extend A { optional int32 e = 100; }",
        message("extensions 100 to 200;") + " extend A { optional string e = 100; }",
        "wire",
        "field-type-changed",
        "proto2",
    ),
    Row(
        "in a nested message",
        message("message N { int32 x = 1; } N n = 1;"),
        message("message N { string x = 1; } N n = 1;"),
        "wire",
        "field-type-changed",
    ),
    Row(
        "value of a map",
        message("map<string, int32> x = 1;"),
        message("map<string, string> x = 1;"),
        "wire",
        "field-type-changed",
    ),
    Row(
        "message gone",
        "message A {} message B {}",
        "message A {}",
        "source",
        "message-removed",
    ),
]

RESERVED = [
    Row(
        "number free again",
        message("reserved 1, 2;"),
        message("reserved 1;"),
        "wire",
        "reserved-removed",
    ),
    Row(
        "span shortened",
        message("reserved 1 to 9;"),
        message("reserved 1 to 8;"),
        "wire",
        "reserved-removed",
    ),
    Row(
        "span split",
        message("reserved 1 to 9;"),
        message("reserved 1 to 4, 5 to 9;"),
        "",
    ),
    Row(
        "name free again",
        message('reserved "x", "y";'),
        message('reserved "x";'),
        "wire",
        "reserved-removed",
    ),
    Row(
        "in an enum",
        "enum E { Z = 0; reserved 5; }",
        "enum E { Z = 0; }",
        "wire",
        "reserved-removed",
    ),
]

ENUMS = [
    Row("value added", "enum E { Z = 0; }", "enum E { Z = 0; O = 1; }", ""),
    Row(
        "value gone",
        "enum E { Z = 0; O = 1; }",
        "enum E { Z = 0; }",
        "wire",
        "enum-value-removed",
    ),
    Row(
        "value gone, number reserved",
        "enum E { Z = 0; O = 1; }",
        "enum E { Z = 0; reserved 1; }",
        "wire-json",
        "enum-value-removed",
    ),
    Row(
        "value gone, both reserved",
        "enum E { Z = 0; O = 1; }",
        'enum E { Z = 0; reserved 1; reserved "O"; }',
        "source",
        "enum-value-removed",
    ),
    Row(
        "value renamed",
        "enum E { Z = 0; O = 1; }",
        "enum E { Z = 0; P = 1; }",
        "wire-json",
        "enum-value-renamed",
    ),
    Row(
        "second name",
        "enum E { Z = 0; O = 1; }",
        "enum E { option allow_alias = true; Z = 0; O = 1; P = 1; }",
        "wire-json",
        "enum-value-renamed",
    ),
    Row("enum gone", "enum E { Z = 0; }", "message A {}", "source", "enum-removed"),
    Row(
        "field of a renamed enum",
        "enum E { Z = 0; } " + message("E x = 1;"),
        "enum E { Z = 0; } enum F { Y = 0; O = 1; } " + message("F x = 1;"),
        "wire-json",
        "enum-value-renamed",
    ),
]

SERVICES = [
    served("rpc added", "", "rpc Get(A) returns (B);", "", ""),
    served(
        "client streams",
        "rpc Get(A) returns (B);",
        "rpc Get(stream A) returns (B);",
        "wire",
        "rpc-streaming-changed",
    ),
    served(
        "server streams no more",
        "rpc Get(A) returns (stream B);",
        "rpc Get(A) returns (B);",
        "wire",
        "rpc-streaming-changed",
    ),
    served(
        "idempotency",
        "rpc Get(A) returns (B) { option idempotency_level = NO_SIDE_EFFECTS; }",
        "rpc Get(A) returns (B);",
        "wire",
        "rpc-idempotency-changed",
    ),
    served(
        "other answer",
        "rpc Get(A) returns (B);",
        "rpc Get(A) returns (A);",
        "wire",
        "field-removed",
    ),
]

SAME = TYPES + CARDINALITIES + FIELDS + RESERVED + ENUMS + SERVICES

OTHERWISE = [
    # buf names a removed method under `source` only; on the wire it is not answered.
    served("rpc gone", "rpc Get(A) returns (B);", "", "wire", "rpc-removed"),
    Row(
        "service gone",
        SERVICE % "",
        "message A {} message B { int32 b = 1; }",
        "wire",
        "service-removed",
    ),
    # buf calls another name another type; messages do not carry the names of types.
    Row(
        "field of an equal message of another name",
        "message B { A a = 1; int32 x = 2; } message A { B b = 1; }",
        "message B { C a = 1; int32 x = 2; } message A { B b = 1; } "
        "message C { B b = 1; }",
        "source",
        "field-type-renamed",
    ),
    Row(
        "field of another message that differs deep inside",
        "message A { B b = 1; } message B { D d = 1; } message D { int32 x = 1; }",
        "message A { C b = 1; } message B { D d = 1; } message D { int32 x = 1; } "
        "message C { E d = 1; } message E { string x = 1; }",
        "wire",
        "field-type-changed",
    ),
    served(
        "request of a wider message",
        "rpc Get(A) returns (B);",
        "rpc Get(B) returns (B);",
        "source",
        "rpc-request-renamed",
    ),
]
