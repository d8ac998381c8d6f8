"""Large documents, whose schemas contain one another, are decided to the end."""

import copy
import random
import time
from typing import Any

import pytest

from fleetwright_contracts import Severity, Verdict, compare_openapi, verdict_of

SCHEMAS = 80
SLOWEST_SECONDS = 60.0  # a hundredth of it where nobody else works


def leaf(chance: random.Random) -> dict[str, Any]:
    """Return a plain schema."""
    return chance.choice(
        [
            {"type": "string"},
            {"type": "integer"},
            {"type": "number", "minimum": 0},
            {"type": "string", "enum": ["a", "b"]},
            {"type": "string", "maxLength": chance.randint(5, 50)},
        ]
    )


def inner(chance: random.Random) -> dict[str, Any]:
    """Return the schema of a property, more often than not one of the others."""
    other = {"$ref": f"#/components/schemas/S{chance.randrange(SCHEMAS)}"}
    return chance.choice(
        [
            leaf(chance),
            other,
            {"type": "array", "items": other},
            {"anyOf": [{"type": "string"}, other]},
            {"allOf": [other], "nullable": True},
        ]
    )


def content(chance: random.Random) -> dict[str, Any]:
    """Return a body of one of the schemas."""
    name = f"S{chance.randrange(SCHEMAS)}"
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"content": {"application/json": {"schema": schema}}}


def document(seed: int) -> dict[str, Any]:
    """Return a document with schemas that refer to one another at random."""
    chance = random.Random(seed)  # noqa: S311 - nobody is to be kept from guessing
    schemas = {}
    for number in range(SCHEMAS):
        parts = {f"p{n}": inner(chance) for n in range(chance.randint(3, 9))}
        needed = [name for name in parts if "type" in parts[name]]
        schemas[f"S{number}"] = {
            "type": "object",
            "properties": parts,
            "required": needed[::2],
        }
    paths = {
        f"/r{number}": {
            "post": {
                "requestBody": content(chance),
                "responses": {"200": {"description": "", **content(chance)}},
            }
        }
        for number in range(SCHEMAS)
    }
    head = {"openapi": "3.0.3", "info": {"title": "t", "version": "1"}}
    return {**head, "paths": paths, "components": {"schemas": schemas}}


def changed(old: dict[str, Any], changes: int, seed: int) -> dict[str, Any]:
    """Return a document with changes in some of its schemas."""
    chance = random.Random(seed)  # noqa: S311 - nobody is to be kept from guessing
    new = copy.deepcopy(old)
    schemas = new["components"]["schemas"]
    for name in chance.sample(sorted(schemas), changes):
        parts = schemas[name]["properties"]
        place = chance.choice(sorted(parts))
        if chance.random() < 0.5:
            parts["added"] = leaf(chance)
        else:
            parts[place] = leaf(chance)
    return new


@pytest.mark.parametrize("seed", range(2))
def test_changes_in_circles_of_schemas_are_all_decided(seed: int) -> None:
    """Nothing is left unknown for its size, in time that grows with the document."""
    old = document(seed)
    new = changed(old, 20, seed)
    began = time.process_time()

    findings = compare_openapi(old, new)

    assert time.process_time() - began < SLOWEST_SECONDS
    assert verdict_of(findings) is Verdict.BREAKS
    unknown = [one.message for one in findings if one.severity is Severity.UNKNOWN]
    assert unknown == []


def test_what_is_only_added_to_a_circle_fits() -> None:
    """All schemas lead to one that has become wider, and that is proved for all."""
    old = document(0)
    new = copy.deepcopy(old)
    new["components"]["schemas"]["S0"]["properties"]["added"] = {"type": "string"}

    assert compare_openapi(old, new) == []


def test_findings_are_the_same_each_time() -> None:
    """Sets have another order in each run; what is found has not."""
    old = document(1)
    new = changed(old, 4, 1)

    assert compare_openapi(old, new) == compare_openapi(old, copy.deepcopy(new))
