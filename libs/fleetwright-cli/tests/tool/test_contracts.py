"""fleet contracts, as a person types it."""

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tool.conftest import Shop

OLD = """\
openapi: 3.1.0
info: {title: shop, version: '1'}
paths:
  /orders:
    post:
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, properties: {qty: {type: integer}}, required: [qty]}
      responses:
        200: {description: made}
"""
NEW = OLD.replace("{type: integer}", "{type: integer, minimum: 1}")


@pytest.fixture
def files(shop: "Shop") -> "Shop":
    """Give two files in a folder that is no fleet."""
    (shop.root / "fleet.toml").unlink()
    shop.write("old.yaml", OLD)
    shop.write("new.yaml", NEW)
    return shop


def test_breaking_change_is_shown_with_its_value(files: "Shop") -> None:
    """The value on stdout, exit 1; the other way round it fits."""
    there = files.fleet("contracts", "diff", "old.yaml", "new.yaml")
    back = files.fleet("contracts", "diff", "new.yaml", "old.yaml")

    assert there.code == 1, there.err
    assert 'witness: {"qty": 0}' in there.out
    assert "at new.yaml#/paths/~1orders/post/requestBody" in there.out
    assert (back.code, back.out) == (0, "fits: nothing to tell\n")


def test_programs_get_json_sarif_and_annotations(files: "Shop") -> None:
    """The same findings, each with file and line."""
    words = ("contracts", "diff", "old.yaml", "new.yaml")

    document = files.fleet(*words, "--json").document
    sarif = files.fleet(*words, "--format", "sarif").document
    github = files.fleet(*words, "--format", "github").out

    assert document["findings"][0]["witness"] == {"qty": 0}
    result = sarif["runs"][0]["results"][0]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == 10
    assert github.startswith("::error file=new.yaml,line=10,title=request-narrowed::")


def test_schemas_are_compared_both_ways(files: "Shop") -> None:
    """Nobody knows who sends and who reads by a plain schema."""
    files.write("a.json", json.dumps({"type": "integer"}))
    files.write("b.json", json.dumps({"type": "number"}))

    answer = files.fleet("contracts", "diff", "a.json", "b.json", "--json")

    assert answer.code == 1
    assert [one["rule"] for one in answer.document["findings"]] == ["schema-widened"]


def test_what_nobody_can_tell_fails_unless_allowed(files: "Shop") -> None:
    """Silence is no consent."""
    files.write("a.json", json.dumps({"type": "string"}))
    files.write("b.json", json.dumps({"type": "string", "pattern": "(?<=a)b"}))

    strict = files.fleet("contracts", "diff", "a.json", "b.json")
    lax = files.fleet("contracts", "diff", "a.json", "b.json", "--allow-unknown")

    assert (strict.code, lax.code) == (1, 0)
    assert "is not decided" in strict.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: [", "error: this is no YAML"),
        ("swagger: '2.0'", "error: version '2.0' of OpenAPI is not read"),
        ("asyncapi: 3.0.0", "error: the old one is a document of OpenAPI, the new one"),
        ("- 1", "error: this is none of OpenAPI, AsyncAPI, JSON Schema and protobuf"),
        ("type: object", "error: the old one is a document of OpenAPI, the new one"),
    ],
)
def test_file_that_is_no_contract_is_told(
    files: "Shop", content: str, words: str
) -> None:
    """What is wrong, where, and a hint; exit 2, and nothing on stdout."""
    files.write("new.yaml", content)

    answer = files.fleet("contracts", "diff", "old.yaml", "new.yaml")

    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(words)
    assert "new.yaml" in answer.err
    assert "hint: " in answer.err


def test_missing_file_is_told(files: "Shop") -> None:
    """The name that was typed is in the error."""
    answer = files.fleet("contracts", "diff", "none.yaml", "new.yaml")

    assert answer.code == 2
    assert "cannot be read: No such file" in answer.err
    assert "none.yaml" in answer.err


def test_descriptors_and_files_of_protobuf_are_compared(files: "Shop") -> None:
    """Source is compiled; what breaks has a line, and the promise decides."""
    head = 'syntax = "proto3";\npackage shop;\nmessage Item {\n'
    files.write("a/item.proto", head + "  int64 qty = 1;\n}\n")
    files.write("b/item.proto", head + "  int32 qty = 1;\n}\n")
    words = ("contracts", "diff", "a/item.proto", "b/item.proto")

    strict = files.fleet(*words, "--format", "github")
    lax = files.fleet(*words, "--promise", "wire")

    assert strict.code == 1, strict.err
    assert strict.out.startswith("::error file=b/item.proto,line=4,title=field-type-")
    assert lax.code == 0, lax.err
    assert "not every value is read as it was written" in lax.out
