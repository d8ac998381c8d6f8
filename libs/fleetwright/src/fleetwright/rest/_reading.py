"""A declaration read by FastAPI's rule: path, header, body or query; or refused."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, PydanticUserError, TypeAdapter
from typing_extensions import is_typeddict

from fleetwright.errors import DeclarationError, Refused
from fleetwright.rest._answers import fits_stream, item_of, page_of
from fleetwright.rest._operation import Header, Operation, Stream
from fleetwright.rest._streaming import ServerEvent

_IN_PATH = re.compile(r"\{([^{}]*)\}")
_REPEATABLE_VERBS = frozenset(("GET", "PUT", "DELETE"))
_BODILESS_VERBS = frozenset(("GET", "DELETE"))
_IDEMPOTENCY_KEY = "idempotency-key"


@dataclass(frozen=True, slots=True)
class Options:
    """What a verb says besides its path.

    Attributes:
        missing: The status that means None.
        refusals: What to raise for which status.
        idempotent: Whether sending twice does no more than sending once; `"key"` makes
            it so by a key; None for what the verb says.
        pages: The member of a page that leads to the next one.
        stream: How the answer comes in pieces.
        idle_seconds: Longest wait for the next piece of a stream, in seconds.
    """

    missing: int | None = None
    refusals: Mapping[int, type[Refused]] = field(default_factory=dict)
    idempotent: bool | Literal["key"] | None = None
    pages: str | None = None
    stream: Stream | None = None
    idle_seconds: float = 30.0


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

    def operation(self, options: Options) -> Operation:
        """Return the declaration as data.

        Args:
            options: What the verb says besides.

        Returns:
            The operation.

        Raises:
            DeclarationError: The answer or a status does not fit.
        """
        answer = self.hints["return"]
        self._check_statuses(options.missing, options.refusals, answer)
        kind, is_async = self._answer(options, answer)
        keys = [n for n, h in self.headers.items() if h.lower() == _IDEMPOTENCY_KEY]
        asked = options.idempotent
        repeatable = self.verb in _REPEATABLE_VERBS if asked is None else bool(asked)
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
            answer_type=None if kind is type(None) else self._adapter(kind),
            missing=options.missing,
            refusals=dict(options.refusals),
            repeatable=repeatable,
            key=keys[0] if keys and asked in (None, "key") else None,
            makes_key=asked == "key",
            is_async=is_async,
            pages=options.pages,
            stream=options.stream,
            idle_seconds=options.idle_seconds,
            where=f"{self.owner}.{self.name}: {self.verb} {self.path}",
            texts=tuple(_IN_PATH.split(self.path)[::2]),
        )

    def _answer(self, options: Options, answer: Any) -> tuple[Any, bool]:
        """Return what one answer is read as, and whether the method is async."""
        found = item_of(answer)
        if options.pages is None and options.stream is None:
            if found is not None:
                raise self.wrong(
                    f"{self.name} yields items, but neither pages nor a stream",
                    'say how they come: pages="next" or stream="lines"',
                )
            return answer, self.is_async
        if options.pages is not None and options.stream is not None:
            raise self.wrong("an answer has pages or is a stream", "leave one out")
        if found is None or self.is_async:
            raise self.wrong(
                f"{self.name} does not yield items",
                "write `def` and `-> AsyncIterator[...]`, or `-> Iterator[...]` in a"
                " sync client",
            )
        item, is_async = found
        if options.pages is not None:
            return page_of(item, options.pages), is_async
        return self._item(item, str(options.stream), options.idle_seconds), is_async

    def _item(self, item: Any, stream: str, idle_seconds: float) -> Any:
        """Return what an item of a stream is read as; None for as it comes."""
        if stream not in ("bytes", "lines", "events") or idle_seconds <= 0:
            raise self.wrong(
                f"stream={stream!r}, idle_seconds={idle_seconds:g} is no stream",
                'use stream="bytes", "lines" or "events" and more than 0 seconds',
            )
        if not fits_stream(item, stream):
            raise self.wrong(
                f"a stream of {stream} does not yield {item!r}",
                "yield bytes for bytes; str or a model for lines and events;"
                " ServerEvent for events as they come",
            )
        return type(None) if item in (bytes, str, ServerEvent) else item

    def _check_statuses(
        self,
        missing: int | None,
        refusals: Mapping[int, type[Refused]],
        answer: object,
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
