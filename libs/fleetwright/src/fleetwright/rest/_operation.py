"""A declared method as data: verb, path, what is sent, what is read, refusals."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from fleetwright.errors import Refused

MARK = "__operation__"  # where the function of a declared method keeps its Operation
Stream = Literal["bytes", "lines", "events"]


@dataclass(frozen=True, slots=True)
class Header:
    """Marks a parameter that is sent as a header.

    Attributes:
        name: The header, for example "Idempotency-Key"; the name of the parameter with
            dashes when left out.
    """

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One declared method.

    Attributes:
        name: The method.
        owner: The Protocol it is declared in.
        verb: GET, POST, PUT, PATCH or DELETE.
        path: As declared, with names in braces.
        signature: The parameters in order, `self` left out.
        in_path: Names of the parameters in the path, in its order.
        in_query: Names of the parameters in the query.
        headers: Parameters that are headers, and the names of the headers.
        body: The parameter that is the body, if any.
        body_type: How the body is written.
        answer_type: How the answer is read: of `pages` one page, of a `stream` one
            item; None when nothing is read.
        missing: The status that means None.
        refusals: Statuses of the provider and what they raise.
        repeatable: Whether sending twice does no more than sending once.
        key: The parameter whose value makes one call repeatable, if any.
        makes_key: Whether a call without a key gets one of its own.
        is_async: Whether the method is awaited; a sync one waits in its thread.
        pages: The member of a page that leads to the next one; None for no pages.
        stream: How the answer comes in pieces; None when it comes as a whole.
        idle_seconds: Longest wait for the next piece of a stream, in seconds.
        where: The operation as a reader finds it.
        texts: What stands between the parameters of the path.
    """

    name: str
    owner: str
    verb: str
    path: str
    signature: inspect.Signature
    in_path: tuple[str, ...]
    in_query: tuple[str, ...]
    headers: Mapping[str, str]
    body: str | None
    body_type: TypeAdapter[Any] | None
    answer_type: TypeAdapter[Any] | None
    missing: int | None
    refusals: Mapping[int, type[Refused]]
    repeatable: bool
    key: str | None
    makes_key: bool
    is_async: bool
    pages: str | None
    stream: Stream | None
    idle_seconds: float
    where: str
    texts: tuple[str, ...]
    _order: tuple[str, ...] = field(init=False)
    _names: frozenset[str] = field(init=False)
    _defaults: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Work out once what each call needs."""
        parameters = self.signature.parameters.values()
        placed = (one.name for one in parameters if one.kind is not one.KEYWORD_ONLY)
        given = {
            one.name: one.default for one in parameters if one.default is not one.empty
        }
        object.__setattr__(self, "_order", tuple(placed))
        object.__setattr__(self, "_names", frozenset(self.signature.parameters))
        object.__setattr__(self, "_defaults", given)

    def arguments(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the values of all parameters by their names.

        Args:
            args: As they were given, `self` left out.
            kwargs: As they were given.

        Returns:
            Given values, and defaults for the others.

        Raises:
            TypeError: They do not fit the signature.
        """
        # Signature.bind takes longer than all the rest of writing a request.
        if not kwargs and len(args) == len(self._names):
            return dict(zip(self._order, args, strict=True))
        values = {
            **self._defaults,
            **kwargs,
            **dict(zip(self._order, args, strict=False)),
        }
        fits = len(args) <= len(self._order) and values.keys() == self._names
        if not fits or (
            kwargs and not kwargs.keys().isdisjoint(self._order[: len(args)])
        ):
            self.signature.bind(*args, **kwargs)
        return values
