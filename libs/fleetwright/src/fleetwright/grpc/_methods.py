"""Which methods a generated stub calls and a servicer answers, as data."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from fleetwright.auth import Access, access_of
from fleetwright.errors import DeclarationError

_DEEPEST = 3  # messages within messages that are shown


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a gRPC service.

    Attributes:
        path: As on the wire: `/shop.stock.v1.Stock/Hold`.
        encode: Makes bytes of what is sent.
        decode: Makes a message of bytes that came.
    """

    path: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]

    @property
    def service(self) -> str:
        """The full name of its service: `shop.stock.v1.Stock`."""
        return self.path[1:].partition("/")[0]

    def is_repeatable(self) -> bool:
        """Tell whether calling it twice does no more than once.

        Read from the option `idempotency_level` of the .proto; without it, no.
        """
        service, _, name = self.path[1:].partition("/")
        try:
            found = descriptor_pool.Default().FindServiceByName(service)
        except KeyError:
            return False
        described = found.methods_by_name.get(name)
        if described is None:
            return False
        level = described.GetOptions().idempotency_level
        return level != MethodOptions.IDEMPOTENCY_UNKNOWN


class Answered:
    """What generated code takes for a server: it notes the methods of a servicer."""

    def __init__(self) -> None:
        """Know no method yet."""
        self.handlers: dict[str, Any] = {}

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, Any]
    ) -> None:
        """Note the methods of one service."""
        for name, method in handlers.items():
            self.handlers[f"/{service}/{name}"] = method

    def add_generic_rpc_handlers(self, handlers: Sequence[object]) -> None:
        """Do nothing: the same methods are registered one by one."""


@dataclass(frozen=True, slots=True)
class Answering:
    """A method with what answers it.

    Attributes:
        method: What is called.
        answer: The servicer's own method.
        access: Who may call; None where nothing is declared.
    """

    method: Method
    answer: Callable[..., Awaitable[Any]]
    access: Access | None


def answered(
    servicer: object, add_to_server: Callable[..., None]
) -> dict[str, Answering]:
    """Return the methods of a servicer with what answers them, by path.

    Args:
        servicer: An object of a class derived from the generated servicer.
        add_to_server: The generated function, `add_StockServicer_to_server`.

    Returns:
        Every method the generated function adds.

    Raises:
        DeclarationError: A method streams, is missing, or is not `async def`.
    """
    noted = Answered()
    add_to_server(servicer, noted)
    found: dict[str, Answering] = {}
    for path, one in noted.handlers.items():
        if one.request_streaming or one.response_streaming:
            raise streams(path, f"serve({type(servicer).__name__}(), ...)")
        if not inspect.iscoroutinefunction(one.unary_unary):
            raise DeclarationError(
                f"{path} is not answered by an `async def`",
                where=f"{type(servicer).__module__}.{type(servicer).__qualname__}",
                hint="write it as `async def f(self, request, context)`",
            )
        method = Method(path, one.response_serializer, one.request_deserializer)
        answer = one.unary_unary
        found[path] = Answering(method, answer, access_of(answer))
    return found


def request_of(path: str) -> dict[str, Any]:
    """Return what a method is sent as JSON, with every field, to be filled in.

    Args:
        path: As on the wire.
    """
    service, _, name = path[1:].partition("/")
    try:
        known = descriptor_pool.Default().FindServiceByName(service)
    except KeyError:
        return {}
    described = known.methods_by_name[name]
    message = GetMessageClass(described.input_type)()
    _fill(message, _DEEPEST)
    found = MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    in_order = [field.name for field in described.input_type.fields]
    return {name: found[name] for name in in_order if name in found}


def _fill(message: Message, deepest: int) -> None:
    """Put one of each message into the fields that hold messages."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        held = getattr(message, field.name)
        inner = held.add() if field.is_repeated else held
        if not field.is_repeated:
            inner.SetInParent()
        if deepest:
            _fill(inner, deepest - 1)


def streams(path: str, where: str) -> DeclarationError:
    """Return the error for a method that streams."""
    return DeclarationError(
        f"{path} streams; only unary methods are guarded",
        where=where,
        hint="declare streams in a service of their own and use grpc.aio for it",
    )
