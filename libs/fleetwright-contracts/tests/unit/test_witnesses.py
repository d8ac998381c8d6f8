"""What is shown is short, and right in the numbers."""

from typing import Any

import pytest

from fleetwright_contracts import OPENAPI_31, Verdict, compare_schemas


@pytest.mark.parametrize(
    ("sent", "read", "witness"),
    [
        ({"type": "integer"}, {"type": "integer", "minimum": 1}, 0),
        ({"type": "string"}, {"minLength": 1}, ""),
        ({"type": "string", "minLength": 1}, {"pattern": ".+"}, "\n"),
        ({"type": ["string", "null"]}, {"type": "string"}, None),
        ({"type": "number"}, {"type": "integer"}, 0.1),
        ({"type": "array"}, {"uniqueItems": True}, ["", ""]),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
                "required": ["a"],
            },
            {"required": ["b"]},
            {"a": 0},
        ),
        ({"multipleOf": 0.1, "type": "number"}, {"multipleOf": 0.2}, 0.1),
        (
            {"type": "string", "pattern": "^[A-Z0-9-]{3,20}$"},
            {"pattern": "^[A-Z]{3}-[0-9]{4}$"},
            "000",
        ),
    ],
)
def test_witness_is_the_plainest_one(sent: Any, read: Any, witness: Any) -> None:
    """A person sees at once what would be refused."""
    judgement = compare_schemas(sent, read)

    assert judgement.verdict is Verdict.BREAKS
    assert judgement.witness == witness


def test_formats_count_where_they_are_checked() -> None:
    """A sender that drops `uuid` may send what its reader refuses."""
    uuid, text = {"type": "string", "format": "uuid"}, {"type": "string"}

    dropped = compare_schemas(text, uuid, dialect=OPENAPI_31)
    added = compare_schemas(uuid, text, dialect=OPENAPI_31)

    assert (dropped.verdict, dropped.witness) == (Verdict.BREAKS, "")
    assert added.verdict is Verdict.FITS


def test_unknown_format_decides_nothing() -> None:
    """Of a format nobody knows neither side is right."""
    odd = {"type": "string", "format": "odd"}

    assert (
        compare_schemas({"type": "string"}, odd, dialect=OPENAPI_31).verdict
        is Verdict.UNKNOWN
    )
    assert compare_schemas(odd, odd, dialect=OPENAPI_31).verdict is Verdict.FITS
