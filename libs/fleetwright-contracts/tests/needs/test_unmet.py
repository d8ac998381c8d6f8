"""What a client needs, held against what a provider promises."""

from typing import Any

import pytest

from fleetwright_contracts import Severity
from fleetwright_contracts.needs import unmet

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
MOMENT = {"type": "string", "format": "date-time"}


def body(schema: Any) -> dict[str, Any]:
    """Return a body of JSON."""
    return {"content": {"application/json": {"schema": schema}}}


def an_object(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object that has all of these."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
    }


def document(operation: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a document of one operation."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "things", "version": "1"},
        "paths": {"/v1/things": {"post": operation}},
        **more,
    }


def client(
    sends: Any = None,
    reads: Any = None,
    *,
    handles: tuple[str, ...] = (),
    parameters: tuple[Any, ...] = (),
) -> dict[str, Any]:
    """Return what a client needs."""
    responses: dict[str, Any] = {one: {"description": one} for one in handles}
    understood = {"description": "understood"}
    responses["2XX"] = understood | (body(reads) if reads is not None else {})
    made: dict[str, Any] = {
        "operationId": "make",
        "parameters": list(parameters),
        "responses": responses,
    }
    if sends is not None:
        made["requestBody"] = {"required": True, **body(sends)}
    return document(made)


def provider(
    takes: Any = None,
    answers: Any = None,
    *,
    refuses: tuple[str, ...] = (),
    parameters: tuple[Any, ...] = (),
    **operation: Any,
) -> dict[str, Any]:
    """Return what a provider promises."""
    responses: dict[str, Any] = {one: {"description": one} for one in refuses}
    good = {"description": "made"}
    responses["201"] = good | (body(answers) if answers is not None else {})
    made = {"parameters": list(parameters), "responses": responses, **operation}
    if takes is not None:
        made["requestBody"] = {"required": True, **body(takes)}
    return document(made)


def let_in(*callers: str) -> dict[str, Any]:
    """Return what a provider promises to some only."""
    promised = provider()
    promised["paths"]["/v1/things"]["post"]["x-callers"] = list(callers)
    return promised


def query(name: str, schema: Any, *, required: bool = False) -> dict[str, Any]:
    """Return a parameter of the query."""
    return {"name": name, "in": "query", "required": required, "schema": schema}


def found(needs: Any, promised: Any) -> list[tuple[str, str]]:
    """Return what does not fit: rules and how grave they are, notes left out."""
    mismatches = unmet(
        needs,
        promised,
        consumer="desk",
        provider="things",
        client="desk.clients:Things",
    )
    return [
        (one.finding.rule, one.finding.severity.value)
        for one in mismatches
        if one.finding.severity is not Severity.NOTE
    ]


@pytest.mark.parametrize(
    ("needs", "promised"),
    [
        (client(an_object(a=TEXT)), provider(an_object(a=TEXT))),
        (client(an_object(a=NUMBER)), provider(an_object(a={"type": "number"}))),
        (client(reads=an_object(a=TEXT)), provider(answers=an_object(a=TEXT, b=TEXT))),
        (client(reads={"type": ["string", "null"]}), provider(answers=TEXT)),
        (client(), provider(answers=an_object(a=TEXT))),
        (client(handles=("404",)), provider(refuses=("404", "409"))),
        (
            client(parameters=(query("a", NUMBER, required=True),)),
            provider(parameters=(query("a", TEXT),)),
        ),
        (
            client(an_object(a=TEXT), handles=("422",)),
            provider(an_object(a={"type": "string", "maxLength": 3}), refuses=("422",)),
        ),
        (client(), let_in("desk", "till")),
        (client(), provider(security=[{"token": []}])),
    ],
    ids=[
        "same",
        "narrower-sender",
        "more-is-answered",
        "null-is-understood",
        "nothing-is-read",
        "refusal",
        "number-as-text",
        "refused-in-part-and-handled",
        "let-in",
        "token-of-the-fleet",
    ],
)
def test_what_fits_is_let_through(needs: Any, promised: Any) -> None:
    """A consumer asks for no more than it gets."""
    assert found(needs, promised) == []


@pytest.mark.parametrize(
    ("needs", "promised", "rule", "severity"),
    [
        (client(), document({}) | {"paths": {}}, "operation-missing", "error"),
        (
            client(an_object(a=TEXT)),
            provider(an_object(a={"type": "string", "maxLength": 3})),
            "request-refused",
            "error",
        ),
        (
            client(an_object(a=TEXT), handles=("422",)),
            provider(an_object(a=TEXT, b=TEXT), refuses=("422",)),
            "request-refused",
            "error",
        ),
        (
            client(reads=an_object(a=TEXT, b=TEXT)),
            provider(answers=an_object(a=TEXT)),
            "answer-not-understood",
            "error",
        ),
        (
            client(reads={"type": "object", "properties": {"a": TEXT, "b": TEXT}}),
            provider(answers=an_object(a=TEXT)),
            "answer-lacks",
            "error",
        ),
        (client(reads=TEXT), provider(), "answer-not-understood", "error"),
        (
            client(),
            provider(parameters=(query("a", TEXT, required=True),)),
            "parameter-missing",
            "error",
        ),
        (
            client(parameters=(query("a", TEXT),)),
            provider(),
            "parameter-ignored",
            "warning",
        ),
        (
            client(parameters=(query("a", TEXT),)),
            provider(parameters=({**query("a", TEXT), "in": "header"},)),
            "parameter-ignored",
            "error",
        ),
        (client(an_object(a=TEXT)), provider(), "body-ignored", "warning"),
        (client(), provider(an_object(a=TEXT)), "body-missing", "error"),
        (client(handles=("404",)), provider(), "refusal-impossible", "warning"),
        (client(), let_in("till"), "caller-refused", "error"),
        (client(), provider(security=[{"key": []}]), "token-missing", "error"),
    ],
)
def test_what_does_not_fit_is_told_as_the_consumer_feels_it(
    needs: Any, promised: Any, rule: str, severity: str
) -> None:
    """With the declaration that needs it."""
    assert found(needs, promised) == [(rule, severity)]


def test_refusal_that_is_handled_in_part_is_a_note_with_its_value() -> None:
    """The consumer knows that some of what it sends is refused."""
    needs = client(an_object(a=TEXT), handles=("422",))
    promised = provider(
        an_object(a={"type": "string", "minLength": 1}), refuses=("422",)
    )

    [one] = unmet(
        needs,
        promised,
        consumer="desk",
        provider="things",
        client="desk.clients:Things",
    )

    assert one.declared == "desk.clients:Things.make"
    assert (one.finding.rule, one.finding.severity) == ("request-refused", "note")
    assert one.finding.witness is not None
    assert one.finding.witness.value == {"a": ""}


def test_unhandled_refusal_is_a_note() -> None:
    """409 may come; the client raises for it what it raises for all others."""
    [one] = unmet(
        client(),
        provider(refuses=("409", "403", "413", "415")),
        consumer="d",
        provider="t",
        client="c",
    )

    assert (one.finding.rule, one.finding.severity) == ("refusal-unhandled", "note")
    assert "409" in one.finding.message


def test_moment_without_a_zone_is_refused_by_who_wants_one() -> None:
    """The schemas are the same; the facts of the runtime are not."""
    aware = MOMENT | {"x-fleet-timezone": "aware"}
    facts = {"x-fleet-facts": 1}
    strict = provider(an_object(at=aware)) | facts
    lax = provider(an_object(at=MOMENT)) | facts

    assert found(client(an_object(at=MOMENT)), strict) == [("request-refused", "error")]
    assert found(client(an_object(at=aware)), strict) == []
    assert found(client(an_object(at=MOMENT)), lax) == []


def test_token_that_a_client_sends_as_a_header_is_shown() -> None:
    """A provider of others is asked with its own key."""
    schemes = {
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    components = {"components": {"securitySchemes": schemes}}
    header = {"in": "header", "required": True, "schema": TEXT}
    keyed = client(parameters=(header | {"name": "X-Key"},))
    bearing = client(parameters=(header | {"name": "Authorization"},))
    promised = provider(
        security=[{"key": []}],
        parameters=(header | {"name": "X-Key", "required": False},),
    )

    assert found(keyed, promised | components) == []
    assert ("token-missing", "error") in found(bearing, promised | components)
    wants_bearer = provider(security=[{"bearer": []}])
    assert ("token-missing", "error") not in found(bearing, wants_bearer | components)
    assert ("token-missing", "error") in found(keyed, wants_bearer | components)


def test_answer_that_is_streamed_as_it_comes_is_not_compared() -> None:
    """Whoever reads bytes understands everything."""
    needs = client()
    needs["paths"]["/v1/things"]["post"]["responses"]["2XX"] = {
        "description": "understood",
        "content": {"*/*": {"schema": {}}},
    }

    assert found(needs, provider(answers=TEXT)) == []


def test_part_that_cannot_be_read_is_unknown_and_hides_nothing() -> None:
    """The rest of the operation is compared all the same."""
    promised = provider(an_object(a=NUMBER))
    promised["paths"]["/v1/things"]["post"]["responses"] = []

    assert found(client(an_object(a=TEXT), TEXT), promised) == [
        ("request-refused", "error"),
        ("unreadable", "unknown"),
        ("unreadable", "unknown"),
    ]
