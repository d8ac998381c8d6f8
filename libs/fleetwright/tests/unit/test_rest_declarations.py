"""Declarations fail where they are written."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from fleetwright.errors import DeclarationError, Refused
from fleetwright.rest import Header, delete, get, operations_of, patch, post, put, rest


class Thing(BaseModel):
    """A body."""

    name: str


@dataclass
class Plain:
    """A body that is a dataclass."""

    name: str


class Typed(TypedDict):
    """A body that is a dictionary."""

    name: str


class Taken(Refused):
    """A refusal of our own."""


class Things(Protocol):
    """A client with one method of each kind."""

    @get("/v1/things/{thing_id}", missing=404)
    async def find(
        self, thing_id: int, *, tag: list[str] | None = None
    ) -> Thing | None:
        """Return one."""
        ...

    @post("/v1/things", refusals={409: Taken})
    async def add(
        self, thing: Thing, *, idempotency_key: Annotated[str, Header]
    ) -> Thing:
        """Add one."""
        ...

    @post("/v1/searches", idempotent=True)
    async def search(self, wanted: list[Thing]) -> list[Thing]:
        """Return those alike."""
        ...

    @put("/v1/things/{name}")
    async def keep(self, name: str, plain: Plain) -> None:
        """Keep one."""
        ...

    @patch("/v1/things/{name}")
    async def change(self, name: str, typed: Typed | None) -> None:
        """Change one."""
        ...

    @delete("/v1/things/{name}", idempotent=False)
    async def drop(self, name: str, trace: Annotated[str, Header("X-T")] = "") -> None:
        """Drop one."""
        ...


def test_parameters_go_where_fastapi_would_look_for_them() -> None:
    """Named in the path: path; a model: body; marked: header; else: query."""
    found = operations_of(Things)
    places = {
        name: (one.in_path, one.in_query, dict(one.headers), one.body)
        for name, one in found.items()
    }

    assert places == {
        "find": (("thing_id",), ("tag",), {}, None),
        "add": ((), (), {"idempotency_key": "idempotency-key"}, "thing"),
        "search": ((), (), {}, "wanted"),
        "keep": (("name",), (), {}, "plain"),
        "change": (("name",), (), {}, "typed"),
        "drop": (("name",), (), {"trace": "X-T"}, None),
    }


def test_only_what_is_safe_is_repeatable() -> None:
    """The verb decides, else the declaration, else the key of a single call."""
    found = operations_of(Things)

    assert {name: (one.repeatable, one.key) for name, one in found.items()} == {
        "find": (True, None),
        "add": (False, "idempotency_key"),
        "search": (True, None),
        "keep": (True, None),
        "change": (False, None),
        "drop": (False, None),
    }


def test_operation_says_where_it_stands() -> None:
    """Errors name the method and what it calls."""
    where = operations_of(Things)["find"].where

    assert where == "Things.find: GET /v1/things/{thing_id}"


async def no_parameter(self: Any) -> None:
    """Lack the parameter of the path."""


async def two_bodies(self: Any, one: Thing, two: Thing) -> None:
    """Have two bodies."""


async def one_body(self: Any, one: Thing) -> None:
    """Have a body."""


async def untyped(self: Any, one) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Lack a type."""


async def starred(self: Any, *ids: str) -> None:
    """Have parameters without names."""


async def optional(self: Any, x: str | None) -> None:
    """Have a parameter that may be None."""


async def raw(self: Any, x: bytes) -> None:
    """Have bytes."""


async def text(self: Any) -> str:
    """Never answer None."""
    return ""


async def strange(self: Any) -> "Strange":
    """Answer what is no JSON."""
    raise NotImplementedError


async def unknown(self: Any, x: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Name a type that is not there."""


class Strange:
    """No model."""


def yields(self: Any) -> AsyncIterator[Thing]:
    """Yield things."""
    raise NotImplementedError


def raw_pieces(self: Any) -> AsyncIterator[bytes]:
    """Yield bytes."""
    raise NotImplementedError


async def awaited_stream(self: Any) -> AsyncIterator[Thing]:
    """Be awaited and then iterated."""
    raise NotImplementedError


@pytest.mark.parametrize(
    ("declare", "function", "why"),
    [
        (get("/x/{sku}"), no_parameter, "no such parameter"),
        (get("x"), no_parameter, "is not a path"),
        (get("/x?y=1"), no_parameter, "is not a path"),
        (post("/x"), two_bodies, "both bodies"),
        (get("/x"), one_body, "a GET carries no body"),
        (delete("/x"), one_body, "a DELETE carries no body"),
        (get("/x"), untyped, "'one' has no type"),
        (get("/x"), starred, "says not what is sent"),
        (get("/x/{x}"), optional, "cannot stand in a path"),
        (get("/x"), raw, "can be sent nowhere"),
        (get("/x", missing=404), text, "cannot be None"),
        (get("/x", missing=200), optional, "is not a refusal"),
        (get("/x", refusals={503: Taken}), text, "cannot be among the refusals"),
        (get("/x", refusals={429: Taken}), text, "429 is Unavailable"),
        (get("/x", refusals={409: ValueError}), text, "subclass of Refused"),  # type: ignore[dict-item]
        (get("/x"), strange, "cannot be read or written as JSON"),
        (get("/x"), unknown, "define or import it above"),
        (get("/x"), yields, "neither pages nor a stream"),
        (get("/x", pages="next", stream="lines"), yields, "has pages or is a stream"),
        (get("/x", pages="next"), text, "does not yield items"),
        (get("/x", stream="lines"), awaited_stream, "does not yield items"),
        (get("/x", stream="bytes"), yields, "a stream of bytes does not yield"),
        (get("/x", stream="lines"), raw_pieces, "a stream of lines does not yield"),
        (get("/x", stream="words"), yields, "is no stream"),  # type: ignore[arg-type]
        (get("/x", stream="lines", idle_seconds=0), yields, "is no stream"),
    ],
)
def test_wrong_declaration_is_refused_at_import(
    declare: Callable[[Any], Any], function: Any, why: str
) -> None:
    """Not at three in the morning; the error says what, where and the mend."""
    with pytest.raises(DeclarationError, match="hint: ") as caught:
        declare(function)

    assert why in str(caught.value)
    assert function.__name__ in str(caught.value)


class Forgotten(Protocol):
    """A client with a method that nobody declared."""

    async def ask(self) -> None:
        """Ask nothing of nobody."""
        ...


class Nothing(Protocol):
    """A client that calls nothing."""


@pytest.mark.parametrize(
    ("protocol", "why"),
    [(Forgotten, "has no verb"), (Nothing, "no calls"), (Thing, "not a Protocol")],
)
def test_client_that_cannot_be_made_real_is_refused(protocol: Any, why: str) -> None:
    """All of a Protocol is declared, or nothing is made of it."""
    with pytest.raises(DeclarationError, match=why):
        rest(protocol, provider="things")


def test_client_is_async_or_sync_as_a_whole() -> None:
    """Who reads a method must not have to ask whether to await it."""

    class Mixed(Protocol):
        """Neither the one nor the other."""

        @get("/v1/one")
        async def one(self) -> None:
            """Return one."""
            ...

        @get("/v1/two")
        def two(self) -> None:
            """Return two."""
            ...

    with pytest.raises(DeclarationError, match="one and two are not both async"):
        rest(Mixed, provider="shelf")
