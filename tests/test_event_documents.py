"""The shop's AsyncAPI documents: valid, and all that is heard is sent."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(ROOT.glob("services/*/contracts/asyncapi.json"))


def operations(action: str) -> set[str]:
    """Return the topics that services of the shop send or receive."""
    found = set()
    for file in FILES:
        document: dict[str, Any] = json.loads(file.read_text("utf-8"))
        for one in document["operations"].values():
            if one["action"] == action:
                found.add(one["channel"]["$ref"].removeprefix("#/channels/"))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.parent.name)
def test_document_is_valid_asyncapi(file: Path) -> None:
    """The schema that AsyncAPI publishes accepts it."""
    folder = os.environ.get("ASYNCAPI_SPECS")
    if folder is None:
        reason = "set ASYNCAPI_SPECS to what scripts/asyncapi-specs prints"
        if os.environ.get("FLEET_REQUIRE_ASYNCAPI") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    schema = json.loads((Path(folder) / "schemas" / "3.0.0.json").read_text("utf-8"))

    jsonschema.validate(json.loads(file.read_text("utf-8")), schema)


def test_what_a_service_hears_is_what_another_one_sends() -> None:
    """A topic that nobody publishes is a misspelt one."""
    assert operations("receive") - operations("send") == set()
    assert len(operations("send")) == 10
