"""A declared method as data: verb, path, what is sent, what is read, refusals."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from fleetwright.errors import Refused

MARK = "__operation__"  # where the function of a declared method keeps its Operation


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
        answer_type: How the answer is read; None when nothing is read.
        missing: The status that means None.
        refusals: Statuses of the provider and what they raise.
        repeatable: Whether sending twice does no more than sending once.
        key: The parameter whose value makes one call repeatable, if any.
        is_async: Whether the method is awaited; a sync one waits in its thread.
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
    is_async: bool

    @property
    def where(self) -> str:
        """The operation as a reader finds it."""
        return f"{self.owner}.{self.name}: {self.verb} {self.path}"
