"""Optional properties of alternatives: which of them somebody may miss."""

from typing import Any

import pytest

from fleetwright_contracts import compare_openapi

TEXT = {"type": "string"}
CAT = {"type": "object", "properties": {"kind": {"const": "cat"}, "mice": TEXT}}
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}, "bones": TEXT}}
PLAIN_CAT = {"type": "object", "properties": {"kind": {"const": "cat"}}}
PLAIN_DOG = {"type": "object", "properties": {"kind": {"const": "dog"}}}


def ref(name: str) -> dict[str, str]:
    """Return what refers to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


BOTH: dict[str, Any] = {"anyOf": [ref("Cat"), ref("Dog")]}
NAMED = {"Cat": CAT, "Dog": DOG}
LIST = {"type": "array", "items": BOTH}


def answering(schema: Any, schemas: Any) -> Any:
    """Return a description of what is answered."""
    content = {"application/json": {"schema": schema}}
    responses = {"200": {"description": "", "content": content}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/pets": {"get": {"responses": responses}}},
        "components": {"schemas": schemas},
    }


def missed(old: tuple[Any, Any], new: tuple[Any, Any]) -> list[str]:
    """Return the properties that are no longer answered."""
    found = compare_openapi(answering(*old), answering(*new))
    assert {one.rule for one in found} <= {"response-property-removed"}
    return [one.message.split("`")[1] for one in found]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((BOTH, NAMED), ({"anyOf": [ref("Cat")]}, NAMED)),
        ((BOTH, NAMED), (ref("Cat"), NAMED)),
        ((LIST, NAMED), ({"type": "array", "items": ref("Cat")}, NAMED)),
        (
            (BOTH, NAMED),
            (
                {**BOTH, "type": "object", "properties": {"mice": TEXT}},
                {**NAMED, "Cat": PLAIN_CAT},
            ),
        ),
        (({"anyOf": [CAT, DOG]}, {}), ({"anyOf": [DOG, CAT]}, {})),
    ],
    ids=[
        "one-is-left",
        "it-is-named-itself",
        "of-items",
        "moved-outside",
        "in-another-order",
    ],
)
def test_alternative_that_is_gone_takes_its_properties_along(
    old: tuple[Any, Any], new: tuple[Any, Any]
) -> None:
    """It is never answered any more, so nobody reads it; what moved is still there."""
    assert missed(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ((BOTH, NAMED), (BOTH, {**NAMED, "Dog": PLAIN_DOG}), "bones"),
        (
            (BOTH, {**NAMED, "Cat": {**DOG}}),
            (BOTH, {**NAMED, "Cat": PLAIN_DOG}),
            "bones",
        ),
        (
            (BOTH, NAMED),
            ({"anyOf": [ref("Cat"), ref("Hound")]}, {"Cat": CAT, "Hound": PLAIN_DOG}),
            "bones",
        ),
        (({"anyOf": [CAT, DOG]}, {}), ({"anyOf": [CAT, PLAIN_DOG]}, {}), "bones"),
        ((LIST, NAMED), (LIST, {**NAMED, "Dog": PLAIN_DOG}), "[].bones"),
        (
            ({**BOTH, "properties": {"age": TEXT}, "type": "object"}, NAMED),
            ({**BOTH, "type": "object"}, NAMED),
            "age",
        ),
    ],
    ids=["named", "other-has-it", "renamed", "written-out", "of-items", "outside"],
)
def test_property_of_an_alternative_that_stays_is_missed(
    old: tuple[Any, Any], new: tuple[Any, Any], lost: str
) -> None:
    """Also where another alternative has a property of that name."""
    assert missed(old, new) == [lost]
