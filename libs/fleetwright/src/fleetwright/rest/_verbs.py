"""The verbs: what a method of a Protocol asks of a provider."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fleetwright.errors import Refused
from fleetwright.rest._operation import MARK
from fleetwright.rest._reading import Reading

F = TypeVar("F", bound=Callable[..., Any])


def get(
    path: str,
    *,
    missing: int | None = None,
    refusals: Mapping[int, type[Refused]] | None = None,
    idempotent: bool | None = None,
) -> Callable[[F], F]:
    """Declare that a method of a Protocol is a GET.

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
    return _declared("GET", path, missing, refusals, idempotent)


def post(
    path: str,
    *,
    missing: int | None = None,
    refusals: Mapping[int, type[Refused]] | None = None,
    idempotent: bool | None = None,
) -> Callable[[F], F]:
    """Declare that a method of a Protocol is a POST.

    It is sent again after a failure only with an `Idempotency-Key` or if `idempotent`.

    Args:
        path: The path; names in braces are parameters of the method.
        missing: The status that means None; the method's answer must admit None.
        refusals: What to raise for a status 400 to 499; `Refused` for the others.
        idempotent: Whether sending twice does no more than sending once.

    Returns:
        A decorator for the method.

    Raises:
        DeclarationError: The method does not fit; raised where it is declared.
    """
    return _declared("POST", path, missing, refusals, idempotent)


def put(
    path: str,
    *,
    missing: int | None = None,
    refusals: Mapping[int, type[Refused]] | None = None,
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
    return _declared("PUT", path, missing, refusals, idempotent)


def patch(
    path: str,
    *,
    missing: int | None = None,
    refusals: Mapping[int, type[Refused]] | None = None,
    idempotent: bool | None = None,
) -> Callable[[F], F]:
    """Declare that a method of a Protocol is a PATCH.

    It is sent again after a failure only with an `Idempotency-Key` or if `idempotent`.

    Args:
        path: The path; names in braces are parameters of the method.
        missing: The status that means None; the method's answer must admit None.
        refusals: What to raise for a status 400 to 499; `Refused` for the others.
        idempotent: Whether sending twice does no more than sending once.

    Returns:
        A decorator for the method.

    Raises:
        DeclarationError: The method does not fit; raised where it is declared.
    """
    return _declared("PATCH", path, missing, refusals, idempotent)


def delete(
    path: str,
    *,
    missing: int | None = None,
    refusals: Mapping[int, type[Refused]] | None = None,
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
    return _declared("DELETE", path, missing, refusals, idempotent)


def _declared(
    verb: str,
    path: str,
    missing: int | None,
    refusals: Mapping[int, type[Refused]] | None,
    idempotent: bool | None,
) -> Callable[[F], F]:
    def mark(function: F) -> F:
        reading = Reading(function, verb, path)
        operation = reading.operation(missing, dict(refusals or {}), idempotent)
        setattr(function, MARK, operation)
        return function

    return mark
