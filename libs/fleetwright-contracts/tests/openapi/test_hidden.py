"""Properties that are sent in one direction only."""

from typing import Any

import pytest

from fleetwright_contracts import Severity, compare_openapi

SECRET = {"type": "string", "writeOnly": True}


def accounts(secret: Any, *, referred: bool = False) -> Any:
    """Return a description whose answers have a name and, perhaps, a secret."""
    inner = {"$ref": "#/components/schemas/Secret"} if referred else secret
    account = {
        "type": "object",
        "required": ["name", "secret"],
        "properties": {"name": {"type": "string"}, "secret": inner},
    }
    content = {"application/json": {"schema": account}}
    responses = {"200": {"description": "", "content": content}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "t", "version": "1"},
        "paths": {"/account": {"get": {"responses": responses}}},
        "components": {"schemas": {"Secret": secret}},
    }


@pytest.mark.parametrize("referred", [False, True], ids=["there", "elsewhere"])
def test_required_property_that_is_only_sent_is_no_longer_answered(
    *, referred: bool
) -> None:
    """It is required of requests alone, so that an answer without it is a witness."""
    old, new = accounts({"type": "string"}), accounts(SECRET, referred=referred)

    [found] = compare_openapi(old, new)

    assert (found.rule, found.severity) == ("response-widened", Severity.ERROR)
    assert found.witness is not None
    assert found.witness.value == {"name": ""}


def test_what_was_only_sent_breaks_nobody_when_it_is_answered() -> None:
    """Those who read ignore what they do not know."""
    assert compare_openapi(accounts(SECRET), accounts({"type": "string"})) == []
