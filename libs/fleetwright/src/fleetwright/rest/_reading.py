"""A declaration read by FastAPI's rule: path, header, body or query; or refused."""

import inspect
import re
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, PydanticUserError, TypeAdapter
from typing_extensions import is_typeddict

from fleetwright.errors import DeclarationError, Refused
from fleetwright.rest._operation import Header, Operation

_IN_PATH = re.compile(r"\{([^{}]*)\}")
_REPEATABLE_VERBS = frozenset(("GET", "PUT", "DELETE"))
_BODILESS_VERBS = frozenset(("GET", "DELETE"))
_IDEMPOTENCY_KEY = "idempotency-key"


class Reading:
    """A declaration while it is read; refuses what could only fail later."""

    def __init__(self, function: Callable[..., Any], verb: str, path: str) -> None:
        """Read the parameters.

        Args:
            function: The declared method.
            verb: GET, POST, PUT, PATCH or DELETE.
            path: As declared.

        Raises:
            DeclarationError: A parameter does not fit.
        """
        self.verb, self.path = verb, path
        self.name: str = function.__name__
        self.owner: str = function.__qualname__.rpartition(".")[0]
        self.is_async = inspect.iscoroutinefunction(function)
        signature = inspect.signature(function)
        self.parameters = tuple(signature.parameters.values())[1:]
        self.hints = self._hints(function)
        self.in_path = tuple(_IN_PATH.findall(path))
        self.in_query: list[str] = []
        self.headers: dict[str, str] = {}
        self.body: str | None = None
        self._check_path()
        for parameter in self.parameters:
            self._place(parameter)

    def wrong(self, what: str, hint: str) -> DeclarationError:
        """Return the error that says what does not fit here.

        Args:
            what: What is wrong.
            hint: The mend.

        Returns:
            The error, to be raised.
        """
        where = f"{self.owner}.{self.name}: {self.verb} {self.path}"
        return DeclarationError(what, where=where, hint=hint)

    def _hints(self, function: Callable[..., Any]) -> dict[str, Any]:
        try:
            hints = get_type_hints(function, include_extras=True)
        except NameError as error:
            raise self.wrong(
                f"an annotation cannot be read: {error}",
                "define or import it above the Protocol, not under TYPE_CHECKING",
            ) from error
        for name in [*(p.name for p in self.parameters), "return"]:
            if name not in hints:
                raise self.wrong(f"{name!r} has no type", "annotate it")
        return hints

    def _check_path(self) -> None:
        if not self.path.startswith("/") or "?" in self.path or "#" in self.path:
            raise self.wrong(
                f"{self.path!r} is not a path",
                "begin with a slash; query parameters are parameters of the method",
            )
        names = {parameter.name for parameter in self.parameters}
        for name in self.in_path:
            if name not in names:
                raise self.wrong(
                    f"the path names {{{name}}} but the method has no such parameter",
                    f"add `{name}: str` to {self.name}()",
                )

    def _place(self, parameter: inspect.Parameter) -> None:
        """Decide where a parameter goes: path, header, body or query."""
        name = parameter.name
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise self.wrong(f"*{name} says not what is sent", "name each parameter")
        header, kind = _unwrapped(self.hints[name])
        if name in self.in_path:
            if not _is_plain(kind) or _admits_none(kind):
                raise self.wrong(
                    f"{name!r} cannot stand in a path",
                    "use a str, int, UUID, date or enumeration without None",
                )
        elif header is not None:
            self.headers[name] = header.name or name.replace("_", "-")
        elif _is_body(kind):
            if self.body is not None:
                raise self.wrong(
                    f"{self.body!r} and {name!r} are both bodies",
                    "put them into one model",
                )
            if self.verb in _BODILESS_VERBS:
                raise self.wrong(
                    f"a {self.verb} carries no body, but {name!r} is a model",
                    "use single parameters, or another verb",
                )
            self.body = name
        elif _is_plain(kind):
            self.in_query.append(name)
        else:
            raise self.wrong(
                f"{name!r} of type {kind} can be sent nowhere",
                "use a pydantic model for the body, plain values for the query",
            )

    def operation(
        self,
        missing: int | None,
        refusals: dict[int, type[Refused]],
        idempotent: bool | None,
    ) -> Operation:
        """Return the declaration as data.

        Args:
            missing: The status that means None.
            refusals: What to raise for which status.
            idempotent: Whether sending twice does no more than sending once; None for
                what the verb says.

        Returns:
            The operation.

        Raises:
            DeclarationError: The answer or a status does not fit.
        """
        answer = self.hints["return"]
        self._check_statuses(missing, refusals, answer)
        keys = [n for n, h in self.headers.items() if h.lower() == _IDEMPOTENCY_KEY]
        repeatable = self.verb in _REPEATABLE_VERBS if idempotent is None else False
        return Operation(
            name=self.name,
            owner=self.owner,
            verb=self.verb,
            path=self.path,
            signature=inspect.Signature(self.parameters),
            in_path=self.in_path,
            in_query=tuple(self.in_query),
            headers=self.headers,
            body=self.body,
            body_type=(
                self._adapter(self.hints[self.body]) if self.body is not None else None
            ),
            answer_type=None if answer is type(None) else self._adapter(answer),
            missing=missing,
            refusals=refusals,
            repeatable=repeatable or bool(idempotent),
            key=keys[0] if keys and idempotent is None else None,
            is_async=self.is_async,
        )

    def _check_statuses(
        self, missing: int | None, refusals: dict[int, type[Refused]], answer: object
    ) -> None:
        if missing is not None and not 400 <= missing <= 499:
            raise self.wrong(
                f"missing={missing} is not a refusal", "use a status 400 to 499"
            )
        if missing is not None and not _admits_none(answer):
            raise self.wrong(
                f"missing={missing} makes None of an answer that cannot be None",
                f"write `-> {getattr(answer, '__name__', answer)} | None`",
            )
        for status, kind in refusals.items():
            if not 400 <= status <= 499 or status in (429, missing):
                raise self.wrong(
                    f"{status} cannot be among the refusals",
                    "use a status 400 to 499 that is not `missing`; 429 is Unavailable",
                )
            given: Any = kind  # what the annotation says is not yet so at run time
            if not (isinstance(given, type) and issubclass(given, Refused)):
                raise self.wrong(
                    f"{kind!r} is not a refusal", "make it a subclass of Refused"
                )

    def _adapter(self, kind: Any) -> TypeAdapter[Any]:
        try:
            return TypeAdapter(kind)
        except PydanticUserError as error:
            raise self.wrong(
                f"{kind!r} cannot be read or written as JSON: {error.message}",
                "use a pydantic model, a dataclass or plain values",
            ) from error


def _unwrapped(hint: Any) -> tuple[Header | None, Any]:
    """Return the header mark of an annotation, if any, and the type below it."""
    if get_origin(hint) is not Annotated:
        return None, hint
    kind, *marks = get_args(hint)
    for mark in marks:
        if isinstance(mark, Header):
            return mark, kind
        if mark is Header:
            return Header(), kind
    return None, kind


def _members(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union; any other type is its own only member."""
    origin = get_origin(kind)
    is_union = getattr(origin, "__name__", "") in ("Union", "UnionType")
    return get_args(kind) if is_union else (kind,)


def _admits_none(kind: Any) -> bool:
    return kind is None or type(None) in _members(_unwrapped(kind)[1])


def _is_body(kind: Any) -> bool:
    """Tell whether FastAPI would read such a parameter from the body."""
    for member in _members(kind):
        origin = get_origin(member) or member
        if origin is dict or is_typeddict(member):
            return True
        if isinstance(origin, type) and (
            issubclass(origin, BaseModel) or is_dataclass(origin)
        ):
            return True
        if origin in (list, tuple, set, frozenset) and any(
            _is_body(_unwrapped(item)[1]) for item in get_args(member)
        ):
            return True
    return False


def _is_plain(kind: Any) -> bool:
    return not any(
        isinstance(member, type) and issubclass(member, (bytes, bytearray))
        for member in _members(kind)
    )
