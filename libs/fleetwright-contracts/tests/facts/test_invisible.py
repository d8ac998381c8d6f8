"""Changes of FastAPI applications that change nothing in their OpenAPI documents."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from fleetwright.contract._fastapi import described
from fleetwright_contracts import Finding, compare_openapi


class Answer(BaseModel):
    """What is answered."""

    name: str | None
    number: int = Field(serialization_alias="theNumber")


def even(number: int) -> int:
    """Refuse odd numbers."""
    if number % 2:
        raise ValueError("odd")
    return number


def not_tuesday(day: str) -> str:
    """Refuse one text that nobody tries."""
    if day == "Tuesday, rather late":
        raise ValueError("closed")
    return day


def app_taking(kind: Any, *, strict: bool = False) -> FastAPI:
    """Return an application that takes one field."""

    class Body(BaseModel):
        model_config = ConfigDict(strict=strict)  # type: ignore[pydantic-config]

        field: kind

    app = FastAPI()

    @app.post("/things")
    def keep(body: Body) -> None:
        """Keep a thing."""

    return app


def app_answering(**options: Any) -> FastAPI:
    """Return an application that answers one model."""
    app = FastAPI()

    @app.get("/things", **options)
    def find() -> Answer:
        """Find a thing."""
        return Answer(name=None, number=1)

    return app


def app_complaining() -> FastAPI:
    """Return an application with its own words for what cannot be read."""
    app = app_taking(int)

    @app.exception_handler(RequestValidationError)
    async def complain(request: Any, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"error": "no"}, 422)

    return app


def app_in_order(*paths: str, hidden: str = "") -> FastAPI:
    """Return an application with routes in an order."""
    app = FastAPI()
    for path in paths:
        app.get(path, include_in_schema=path != hidden)(lambda: None)
    return app


def document(app: FastAPI) -> Any:
    """Return what the runtime tells of an application."""
    return described(app)


def changed(old: FastAPI, new: FastAPI) -> list[Finding]:
    """Return what was found, after making sure that the documents do not tell."""
    assert old.openapi() == new.openapi()
    return compare_openapi(document(old), document(new))


def text_of(**constraints: Any) -> Any:
    """Return a type of texts."""
    return Annotated[str, StringConstraints(**constraints)]


@pytest.mark.parametrize(
    ("old", "new", "rule", "witness"),
    [
        (
            app_answering,
            lambda: app_answering(response_model_exclude_none=True),
            "response-widened",
            {"theNumber": 0},
        ),
        (
            app_answering,
            lambda: app_answering(response_model_by_alias=False),
            "response-widened",
            {"name": "", "number": 0},
        ),
        (
            lambda: app_taking(int),
            lambda: app_taking(int, strict=True),
            "request-stricter",
            {"field": "1"},
        ),
        (
            lambda: app_taking(int),
            lambda: app_taking(Annotated[int, AfterValidator(even)]),
            "request-stricter",
            {"field": 1},
        ),
        (
            lambda: app_taking(datetime),
            lambda: app_taking(AwareDatetime),
            "request-stricter",
            {"field": "2026-01-31T12:00:00"},
        ),
        (
            lambda: app_taking(int),
            app_complaining,
            "response-widened",
            {"error": ""},
        ),
    ],
    ids=["exclude-none", "by-name", "strict", "own-rule", "zone", "error-body"],
)
def test_invisible_change_is_shown_with_a_value(
    old: Callable[[], FastAPI], new: Callable[[], FastAPI], rule: str, witness: Any
) -> None:
    """What the document does not say, the runtime does."""
    [finding] = changed(old(), new())

    assert (finding.rule, finding.severity) == (rule, "error")
    assert finding.witness is not None
    assert finding.witness.value == witness


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (app_taking(int, strict=True), app_taking(int)),
        (app_taking(AwareDatetime), app_taking(datetime)),
        (app_taking(Annotated[int, AfterValidator(even)]), app_taking(int)),
        (app_taking(Annotated[int, AfterValidator(even)]),) * 2,
        (app_taking(text_of(strip_whitespace=True)), app_taking(text_of())),
        (app_complaining(), app_complaining()),
    ],
    ids=["lax", "any-zone", "rule-gone", "same-rule", "no-strip", "same-error"],
)
def test_who_accepts_more_breaks_nobody(old: FastAPI, new: FastAPI) -> None:
    """What is taken away from the reader's side is no harm."""
    assert changed(old, new) == []


def test_rule_that_refuses_nothing_tried_is_not_called_harmless() -> None:
    """Nobody knows what it refuses; a person is to look."""
    ruled = Annotated[str, AfterValidator(not_tuesday)]

    [finding] = changed(app_taking(str), app_taking(ruled))

    assert (finding.rule, finding.severity) == ("rule-changed-unknown", "unknown")
    assert "not_tuesday" in finding.message


def test_text_whose_spaces_were_cut_off_is_refused_when_they_count() -> None:
    """Eight spaces and a letter fitted into eight letters."""
    old = app_taking(text_of(strip_whitespace=True, max_length=8))

    [finding] = changed(old, app_taking(text_of(max_length=8)))

    assert finding.rule == "request-stricter"


ONE, NEWEST = "/things/{key}", "/things/newest"


def test_route_that_is_tried_before_another_takes_its_requests() -> None:
    """Whichever of the two has the variable, and whether it is described or not."""
    one, newest = app_in_order(ONE), app_in_order(NEWEST)
    cases = [
        (one, app_in_order(NEWEST, ONE), "`/things/newest` is answered by GET"),
        (newest, app_in_order(ONE, NEWEST), "`/things/newest` is answered by GET"),
        (one, app_in_order(NEWEST, ONE, hidden=NEWEST), "`/things/newest` is answered"),
        (app_in_order(NEWEST, ONE), app_in_order(ONE, NEWEST), "is answered by GET"),
    ]
    for old, new, words in cases:
        [finding] = compare_openapi(document(old), document(new))
        assert (finding.rule, finding.severity) == ("path-shadowed", "error")
        assert words in finding.message


def test_route_that_is_tried_after_another_takes_nothing() -> None:
    """What stands below is not asked where what stands above fits."""
    old, new = app_in_order(ONE), app_in_order(ONE, NEWEST)

    assert compare_openapi(document(old), document(new)) == []


def test_operation_that_is_hidden_is_not_gone() -> None:
    """It is answered as before; only nobody is told of it."""
    old, new = app_in_order(ONE), app_in_order(ONE, hidden=ONE)

    [finding] = compare_openapi(document(old), document(new))

    assert (finding.rule, finding.severity) == ("operation-hidden", "warning")


def test_documents_of_others_are_compared_as_before() -> None:
    """Where one of the two tells no facts, nothing is concluded from the other's."""
    old, new = app_taking(int), app_taking(int, strict=True)

    assert compare_openapi(old.openapi(), document(new)) == []
    assert compare_openapi(document(old), new.openapi()) == []
