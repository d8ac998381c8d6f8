"""python -m fleetwright.grpc._asking stock.app:create_app HOST:PORT: calls, as lines.

A caller for programs that have no gRPC of their own. It says first which methods the
service answers; then each line that comes in, a call as JSON, is answered by a line.
Like all callers it keeps its connections. One that ends unanswered is sent again on a
new one where the .proto lets it be repeated, once.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import MethodOptions
from grpc import aio

from fleetwright import _logs
from fleetwright._log_writer import LineWriter
from fleetwright._target import StartError, load, tell
from fleetwright.errors import FleetwrightError
from fleetwright.grpc._client import CHANNEL_OPTIONS
from fleetwright.grpc._methods import Answering
from fleetwright.grpc._server import RpcServer
from fleetwright.grpc._status import PROBLEM, is_refusal, status_of
from fleetwright.grpc._tracing import Wire

_PROGRAM = "fleetwright.grpc._asking"
_STDERR = 2
_LEAST_WAIT = "grpc.min_reconnect_backoff_ms"
_LINE_BYTES = 16 * 1024 * 1024
_READY = grpc.ChannelConnectivity.READY
# Channels to one address would share a connection: callers of a service are many. To
# gRPC the shortest wait between attempts is also how long one may take to connect.
_OPTIONS = (
    *((name, given) for name, given in CHANNEL_OPTIONS if name != _LEAST_WAIT),
    (_LEAST_WAIT, 20_000),
    ("grpc.use_local_subchannel_pool", 1),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command until its input ends.

    Args:
        arguments: What was typed after the command; the process's own when left out.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {_PROGRAM}", description=__doc__)
    parser.add_argument("target", help="module:function, as in stock.app:create_app")
    parser.add_argument("place", help="who is asked, as in 127.0.0.1:8100")
    typed = parser.parse_args(arguments)
    try:
        _, service = load(typed.target)
        # The answers are all that goes to stdout.
        _logs.set_up(service.name, service.settings, writer=LineWriter(_STDERR))
        servers = [part for part in service.parts if isinstance(part, RpcServer)]
        types = {
            path: _Types(one)
            for server in servers
            for path, one in server.methods.items()
        }
        asyncio.run(_Asking(typed.place, types).run())
    except FleetwrightError as error:
        return tell(_PROGRAM, error)
    finally:
        _logs.flush()
    return 0


class _Types:
    """A method's messages and what is said of it.

    Attributes:
        is_repeatable: Whether calling it twice does no more than once.
    """

    def __init__(self, one: Answering) -> None:
        path = one.method.path
        service, _, name = path[1:].partition("/")
        try:
            found = descriptor_pool.Default().FindServiceByName(service)
        except KeyError:
            raise StartError(
                f"nothing is known of the types of {path}",
                where="the descriptors that its generated code brings",
                hint="generate it from the .proto anew",
            ) from None
        described = found.methods_by_name[name]
        self._request = message_factory.GetMessageClass(described.input_type)
        self._reply = message_factory.GetMessageClass(described.output_type)
        self._level = described.GetOptions().idempotency_level
        self._scope = None if one.access is None else one.access.scope
        self.is_repeatable = one.method.is_repeatable()

    def said(self) -> dict[str, object]:
        """Return what callers are told of the method."""
        return {
            "scope": self._scope,
            "repeatable": self.is_repeatable,
            "changes": self._level != MethodOptions.NO_SIDE_EFFECTS,
        }

    def encoded(self, body: Any) -> bytes:
        """Return a request as it is sent.

        Raises:
            ParseError: It is none of this method's.
        """
        request = self._request()
        json_format.ParseDict(body or {}, request)
        return request.SerializeToString()

    def decoded(self, data: bytes) -> Any:
        """Return a reply as JSON-ready values, fields that hold nothing among them."""
        return json_format.MessageToDict(
            self._reply.FromString(data),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )


class _Asking:
    """Answers lines, each on a connection of its own while it is under way."""

    def __init__(self, place: str, types: Mapping[str, _Types]) -> None:
        self._place = place
        self._types = types
        self._idle: list[aio.Channel] = []

    async def run(self) -> None:
        """Answer every line that comes in, until there are no more."""
        lines = asyncio.StreamReader(limit=_LINE_BYTES)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(lines),
            os.fdopen(sys.stdin.fileno(), "rb", buffering=0, closefd=False),
        )
        _say({"methods": {path: one.said() for path, one in self._types.items()}})
        async with asyncio.TaskGroup() as group:
            while line := await lines.readline():
                group.create_task(self._answer(json.loads(line)))
        for channel in self._idle:
            await channel.close()

    async def _answer(self, call: Mapping[str, Any]) -> None:
        """Make a call and say what came of it."""
        types = self._types.get(call["method"])
        if types is None:
            _say({"id": call["id"], "wrong": "the service has no such method"})
            return
        try:
            body = types.encoded(call["body"])
        except json_format.ParseError as error:
            _say({"id": call["id"], "wrong": str(error)})
            return
        if call.get("try"):
            _say({"id": call["id"], "right": True})
            return
        anew = bool(call.get("anew"))
        channel = self._idle.pop() if self._idle and not anew else self._opened()
        was_kept = channel.get_state() is _READY
        said = await _sent(channel, call, body, types)
        if "lost" in said and was_kept and types.is_repeatable:
            await channel.close()
            channel, cut = self._opened(), said["begun"]
            said = await _sent(channel, call, body, types)
            said |= {"resent": True, "cut": cut}
        _say({"id": call["id"], **said})
        if anew or "lost" in said:
            await channel.close()
        else:
            self._idle.append(channel)

    def _opened(self) -> aio.Channel:
        return aio.insecure_channel(self._place, options=_OPTIONS)


async def _sent(
    channel: aio.Channel, call: Mapping[str, Any], body: bytes, types: _Types
) -> dict[str, Any]:
    """Send a call; return its answer, or why there is none."""
    token = call.get("token")
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    wire: Wire = channel.unary_unary(call["method"])
    try:
        data = await wire(body, timeout=call["seconds"], metadata=metadata)
    except aio.AioRpcError as error:
        code, words = error.code(), error.details() or ""
        problem = dict(error.trailing_metadata() or ()).get(PROBLEM)
        if isinstance(problem, bytes):
            return {"status": status_of(code), "body": json.loads(problem)}
        if is_refusal(code):
            return {"status": status_of(code), "body": {"detail": words}}
        # What comes as a server of gRPC ends is cancelled by it before it is begun.
        is_begun = code is not grpc.StatusCode.CANCELLED
        return {"lost": f"{code.name}: {words}", "begun": is_begun}
    return {"status": status_of(None), "body": types.decoded(data)}


def _say(what: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
