"""What FastAPI says when something is wrong: problems, whoever noticed it."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fleetwright._body import is_json_type
from fleetwright._context import current_call
from fleetwright._fastapi_access import methods_at
from fleetwright._problem import (
    MEDIA_TYPE,
    Answered,
    Problem,
    invalid_request,
    phrase,
    problem_of,
)
from fleetwright.errors import Refused, Unavailable


def answer_with_problems(app: FastAPI) -> None:
    """Answer errors with problems; handlers of the application's own are kept.

    Args:
        app: The application.
    """
    ours: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        Problem: _on_error,
        Answered: _on_answered,
        Unavailable: _on_error,
        Refused: _on_error,
        HTTPException: _on_http_exception,
        RequestValidationError: _on_invalid_request,
        ValueError: _on_unreadable,
        RecursionError: _on_unreadable,
        Exception: _on_error,
    }
    defaults = FastAPI(openapi_url=None).exception_handlers
    for kind, answer in ours.items():
        if app.exception_handlers.get(kind) is defaults.get(kind):
            app.exception_handlers[kind] = answer


def _response(problem: Problem) -> Response:
    call = current_call()
    body = problem.body(call.trace_id if call is not None else None)
    return Response(body, problem.status, problem.headers, MEDIA_TYPE)


async def _on_answered(request: Request, error: Answered) -> Response:
    return Response(error.body, error.status, error.headers, error.media_type)


async def _on_error(request: Request, error: Exception) -> Response:
    return _response(problem_of(error))


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    if error.status_code < 200 or error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=error.headers)
    title = phrase(error.status_code)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        methods = methods_at(request.app, request.scope)
        # Starlette names the methods of the first route; a path may have several. A
        # handler that refuses its own method knows better.
        if methods and request.method not in methods:
            headers["Allow"] = ", ".join(sorted(methods))
    problem = Problem(error.status_code, title, headers=headers)
    told: Any = error.detail  # Starlette says text, FastAPI lets any JSON in
    if not isinstance(told, str):
        problem.extensions["errors"] = told
    elif told != title:
        problem.detail = told
    return _response(problem)


async def _on_unreadable(request: Request, error: Exception) -> Response:
    """Answer 400 where the body is what could not be read; else it is our failure."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is Request.json.__code__:
            return _response(
                Problem(
                    400,
                    "The body is not acceptable JSON",
                    detail="It could not be parsed.",
                    kind="bad_json",
                )
            )
        trace = trace.tb_next
    raise error


async def _on_invalid_request(
    request: Request, error: RequestValidationError
) -> Response:
    errors = error.errors()
    kind = request.headers.get("content-type", "")
    unread = any(
        one["loc"] == ("body",) and one["type"] == "model_attributes_type"
        for one in errors
    )
    if unread and not is_json_type(kind.encode("latin-1", "replace")):
        return _response(
            Problem(
                415,
                "This content type is not read here",
                detail="The body is to be application/json.",
                headers={"Accept": "application/json"},
                kind="unsupported_media_type",
            )
        )
    return _response(invalid_request(errors))
