"""The verbs: what a method of a Protocol asks of a provider."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from fleetwright.errors import Refused
from fleetwright.rest._operation import MARK, Stream
from fleetwright.rest._reading import Options, Reading

F = TypeVar("F", bound=Callable[..., Any])
Refusals = Mapping[int, type[Refused]]
IDLE_SECONDS = 30.0


def get(
    path: str,
    *,
    missing: int | None = None,
    refusals: Refusals | None = None,
    idempotent: bool | None = None,
    pages: str | None = None,
    stream: Stream | None = None,
    idle_seconds: float = IDLE_SECONDS,
) -> Callable[[F], F]:
    """Declare that a method of a Protocol is a GET.

    With `pages` or `stream` the method is declared by `def` and yields items:
    `-> AsyncIterator[Item]`, in a sync client `-> Iterator[Item]`.

    Args:
        path: The path; names in braces are parameters of the method.
        missing: The status that means None; the method's answer must admit None.
        refusals: What to raise for a status 400 to 499; `Refused` for the others.
        idempotent: Whether sending twice does no more than sending once; so by default.
        pages: The member of a page that leads to the next one, for example "next": a
            cursor (sent as the query parameter `cursor`) or a URL of the same origin;
            none on the last page. Items are those of `items`, page after page.
        stream: How the answer comes: "bytes", "lines" (JSON lines) or "events"
            (server-sent events). The limits of the pipeline and its retries end with
            the first byte of the body.
        idle_seconds: Longest wait for the next piece of a stream, in seconds.

    Returns:
        A decorator for the method.

    Raises:
        DeclarationError: The method does not fit; raised where it is declared.
    """
    options = Options(missing, refusals or {}, idempotent, pages, stream, idle_seconds)
    return _declared("GET", path, options)


def post(
    path: str,
    *,
    missing: int | None = None,
    refusals: Refusals | None = None,
    idempotent: bool | Literal["key"] | None = None,
    stream: Stream | None = None,
    idle_seconds: float = IDLE_SECONDS,
) -> Callable[[F], F]:
    """Declare that a method of a Protocol is a POST.

    It is sent again after a failure only with an `Idempotency-Key` or if `idempotent`.

    Args:
        path: The path; names in braces are parameters of the method.
        missing: The status that means None; the method's answer must admit None.
        refusals: What to raise for a status 400 to 499; `Refused` for the others.
        idempotent: Whether sending twice does no more than sending once. "key" makes it
            so: a call without an `Idempotency-Key` gets one of its own (a UUIDv7), the
            same in all its attempts.
        stream: How the answer comes: "bytes", "lines" (JSON lines) or "events"
            (server-sent events); see `get`.
        idle_seconds: Longest wait for the next piece of a stream, in seconds.

    Returns:
        A decorator for the method.

    Raises:
        DeclarationError: The method does not fit; raised where it is declared.
    """
    options = Options(missing, refusals or {}, idempotent, None, stream, idle_seconds)
    return _declared("POST", path, options)


def put(
    path: str,
    *,
    missing: int | None = None,
    refusals: Refusals | None = None,
    idempotent: bool | None = None,
) -> Callable[[F], F]:
    """Declare that a method of a Protocol is a PUT.

    Args:
        path: The path; names in braces are parameters of the method.
        missing: The status that means None; the method's answer must admit None.
        refusals: What to raise for a status 400 to 499; `Refused` for the others.
        idempotent: Whether sending twice does no more than sending once; so by default.

    Returns:
        A decorator for the method.

    Raises:
        DeclarationError: The method does not fit; raised where it is declared.
    """
    return _declared("PUT", path, Options(missing, refusals or {}, idempotent))


def patch(
    path: str,
    *,
    missing: int | None = None,
    refusals: Refusals | None = None,
    idempotent: bool | Literal["key"] | None = None,
) -> Callable[[F], F]:
    """Declare that a method of a Protocol is a PATCH.

    It is sent again after a failure only with an `Idempotency-Key` or if `idempotent`.

    Args:
        path: The path; names in braces are parameters of the method.
        missing: The status that means None; the method's answer must admit None.
        refusals: What to raise for a status 400 to 499; `Refused` for the others.
        idempotent: Whether sending twice does no more than sending once; "key" makes it
            so, as for `post`.

    Returns:
        A decorator for the method.

    Raises:
        DeclarationError: The method does not fit; raised where it is declared.
    """
    return _declared("PATCH", path, Options(missing, refusals or {}, idempotent))


def delete(
    path: str,
    *,
    missing: int | None = None,
    refusals: Refusals | None = None,
    idempotent: bool | None = None,
) -> Callable[[F], F]:
    """Declare that a method of a Protocol is a DELETE.

    Args:
        path: The path; names in braces are parameters of the method.
        missing: The status that means None; the method's answer must admit None.
        refusals: What to raise for a status 400 to 499; `Refused` for the others.
        idempotent: Whether sending twice does no more than sending once; so by default.

    Returns:
        A decorator for the method.

    Raises:
        DeclarationError: The method does not fit; raised where it is declared.
    """
    return _declared("DELETE", path, Options(missing, refusals or {}, idempotent))


def _declared(verb: str, path: str, options: Options) -> Callable[[F], F]:
    def mark(function: F) -> F:
        operation = Reading(function, verb, path).operation(options)
        setattr(function, MARK, operation)
        return function

    return mark
