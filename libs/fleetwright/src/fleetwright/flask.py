"""Flask: mount(app, service), uses(kind), and what handlers take and promise."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from typing_extensions import TypeForm

from fleetwright._body import is_json_type
from fleetwright._context import current_call
from fleetwright._principal import Principal
from fleetwright._problem import (
    MEDIA_TYPE,
    Answered,
    Problem,
    invalid_request,
    phrase,
    problem_of,
)
from fleetwright._service import Service
from fleetwright._wsgi import FleetWsgi
from fleetwright._wsgi_bridge import TOLD
from fleetwright.auth._access import access_of
from fleetwright.errors import DeclarationError, FleetwrightError, Refused, Unavailable

try:
    from flask import Flask, Response, has_request_context, request
    from flask import current_app as _current_app
    from werkzeug.exceptions import HTTPException
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"fleetwright.flask needs {error.name}\n"
        "hint: add `fleetwright[flask]` to requirements.in and run `fleet lock`",
        name=error.name,
    ) from None

from fleetwright._flask_access import is_own, routes_of
from fleetwright._flask_promises import answers, openapi

__all__ = ["answers", "body", "caller", "mount", "openapi", "query", "uses"]

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)


def mount(app: Flask, service: Service) -> Flask:
    """Put a Flask application on a service.

    Every request gets a call id, a deadline, one log line and problems for errors;
    `/livez`, `/readyz` and `/info` are answered. A route asks who calls first, unless
    it is `@public`. Under `python -m fleetwright.serve` the parts open and close with
    the server; under another WSGI server they open at the first request of a worker
    and close when it ends. Bodies longer than 1 MiB are refused, unless
    `MAX_CONTENT_LENGTH` of the application says otherwise. Outside of production, or
    with `OPEN_DOCS`, `/openapi.json` says what its handlers promise.

    Args:
        app: The application, with or without its routes.
        service: The service it is the API of.

    Returns:
        The application.

    Raises:
        DeclarationError: The application is mounted already, or has been started.
    """
    if "fleetwright" in app.extensions or app._got_first_request:
        raise DeclarationError(
            f"the application {app.name!r} is mounted or started already",
            where=f"mount(app, Service({service.name!r}))",
            hint="call mount once, in create_app, on an app of its own",
        )
    app.extensions["fleetwright"] = service
    service.gate.routes_from(lambda: routes_of(app))
    longest = app.config["MAX_CONTENT_LENGTH"] or service.settings.max_body_bytes
    app.config["MAX_CONTENT_LENGTH"] = longest
    _answer_with_problems(app)
    # First: a later function may answer, and nobody is let in unasked.
    app.before_request_funcs.setdefault(None, []).insert(0, _meet)
    # Flask logs what we log.
    app.log_exception = _keep_failure  # type: ignore[method-assign]
    settings = service.settings
    if settings.environment != "production" or settings.open_docs:
        app.add_url_rule(
            "/openapi.json",
            "fleetwright_openapi",
            lambda: openapi(app),
            methods=["GET"],
        )
    # As Flask's own documents wrap an application.
    app.wsgi_app = FleetWsgi(  # type: ignore[method-assign]
        app.wsgi_app, service, max_body_bytes=longest
    )
    return app


def uses(kind: TypeForm[T]) -> T:
    """Return the part of a kind, in a handler.

    `with uses(Database).transaction() as transaction:`

    Args:
        kind: The class of the part, or the Protocol of a typed client.

    Returns:
        The part of the service the request came in to.

    Raises:
        FleetwrightError: No request is being answered here.
        DeclarationError: The service has no such part.
    """
    if not has_request_context():
        name = getattr(kind, "__name__", str(kind))
        raise FleetwrightError(
            "parts are used while a request is answered, and none is",
            where=f"uses({name})",
            hint="call it within a handler; elsewhere keep what create_app made",
        )
    service: Service | None = _current_app.extensions.get("fleetwright")
    if service is None:
        raise DeclarationError(
            f"the application {_current_app.name!r} is not mounted on a service",
            where=f"uses({getattr(kind, '__name__', kind)})",
            hint="end create_app with `return mount(app, service)`",
        )
    return service.find(kind)


def caller() -> Principal:
    """Return who calls, in a handler that wants to know.

    Raises:
        Problem: 401, nobody is authenticated.
    """
    service: Service = _current_app.extensions["fleetwright"]
    return service.gate.caller()


def body(kind: type[Model]) -> Model:
    """Return the body of the request as a model, in a handler.

    Args:
        kind: What it consists of.

    Returns:
        The model.

    Raises:
        Problem: 415, it is not said to be JSON, which alone is checked before it is
            parsed. 422; says which fields are wrong and why, never what was sent.
    """
    if not is_json_type(request.environ.get("CONTENT_TYPE", "").encode("latin-1")):
        raise Problem(
            415,
            "The body is not JSON",
            detail="Send it with Content-Type: application/json.",
            kind="unsupported_media_type",
        )
    with _named("body"):
        return kind.model_validate_json(request.get_data(cache=True))


def query(kind: type[Model]) -> Model:
    """Return the parameters of the query as a model, in a handler.

    Args:
        kind: Which there may be; of one that is given twice the first counts.

    Returns:
        The model.

    Raises:
        Problem: 422; says which parameters are wrong and why.
    """
    with _named("query"):
        return kind.model_validate(request.args.to_dict())


@contextmanager
def _named(part: str) -> Iterator[None]:
    """Refuse a request of which a part is no model."""
    try:
        yield
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        wrong = [{**one, "loc": (part, *one["loc"])} for one in found]
        raise invalid_request(wrong) from None


def _answer_with_problems(app: Flask) -> None:
    """Answer errors with problems; handlers of the application's own are kept."""
    kept = app.error_handler_spec[None][None]
    for kind in (Problem, Unavailable, Refused):
        kept.setdefault(kind, _on_error)
    kept.setdefault(Answered, _on_answered)
    kept.setdefault(HTTPException, _on_http_exception)


def _response(problem: Problem) -> Response:
    call = current_call()
    text = problem.body(call.trace_id if call is not None else None)
    return Response(text, problem.status, problem.headers, content_type=MEDIA_TYPE)


def _on_answered(error: Answered) -> Response:
    return Response(
        error.body, error.status, error.headers, content_type=error.media_type
    )


def _on_error(error: Exception) -> Response:
    return _response(problem_of(error))


def _on_http_exception(error: HTTPException) -> Any:
    code = error.code or 500
    if code < 400:
        return error
    headers = [
        (name, value)
        for name, value in error.get_headers()
        if name.lower() != "content-type"
    ]
    problem = Problem(code, phrase(code), headers=dict(headers))
    if code == 500:
        problem.extensions["kind"] = "internal_error"
    elif error.description != type(error).description:
        problem.detail = error.description
    return _response(problem)


def _meet() -> None:
    """Say which rule matched, and ask who calls."""
    rule = request.url_rule
    if rule is None:
        return
    told = request.environ.get(TOLD)
    if told is not None:
        told.path_format = rule.rule
    view = _current_app.view_functions[rule.endpoint]
    if not is_own(rule.endpoint, view):
        _current_app.extensions["fleetwright"].gate.require(access_of(view))


def _keep_failure(
    exc_info: (
        tuple[type[BaseException], BaseException, TracebackType]
        | tuple[None, None, None]
    ),
) -> None:
    """Leave an unexpected error to the story, which logs it once."""
    told = request.environ.get(TOLD)
    if told is not None:
        told.failure = exc_info[1]
