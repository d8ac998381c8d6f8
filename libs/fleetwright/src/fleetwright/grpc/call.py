"""python -m fleetwright.grpc.call 127.0.0.1:9000 /shop.stock.v1.Stock/Hold: one call.

Reads `{"message": {...}, "metadata": {...}}` from stdin, and learns from the service
itself (reflection, which there is in development) what its messages are made of. The
answer is JSON: the status of HTTP that says the same, the code, the message or the
words. Exit codes: 0 answered, whatever the answer; 1 the call could not be made.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from fleetwright._target import tell
from fleetwright.errors import FleetwrightError
from fleetwright.grpc._status import PROBLEM, status_of

SECONDS = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the call.

    Args:
        arguments: What was typed after the command; the process's own when left out.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m fleetwright.grpc.call", description=__doc__
    )
    parser.add_argument("address", help="host:port")
    parser.add_argument("path", help="as in /shop.stock.v1.Stock/Hold")
    typed = parser.parse_args(arguments)
    try:
        given = json.loads(sys.stdin.read() or "{}")
        with grpc.insecure_channel(typed.address) as channel:
            answer = call(
                channel,
                typed.path,
                given.get("message") or {},
                given.get("metadata") or {},
            )
    except FleetwrightError as error:
        return tell("fleetwright.grpc.call", error)
    except ValueError as error:
        return tell("fleetwright.grpc.call", _refused(f"no JSON came: {error}"))
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def call(
    channel: grpc.Channel,
    path: str,
    message: Mapping[str, Any],
    metadata: Mapping[str, str],
) -> dict[str, Any]:
    """Return what a service answers to one call.

    Args:
        channel: To the service.
        path: As on the wire.
        message: What is sent, as JSON.
        metadata: What is sent beside it.

    Returns:
        `status`, `code` and `message`; `problem` or `detail` where it refuses.

    Raises:
        FleetwrightError: There is no such method, or the message is none of its type.
    """
    method = _described(channel, path)
    sent, got = map(GetMessageClass, (method.input_type, method.output_type))
    try:
        request = json_format.ParseDict(dict(message), sent())
    except json_format.ParseError as error:
        raise _refused(f"this is no {method.input_type.full_name}: {error}") from error
    calling = channel.unary_unary(path, sent.SerializeToString, got.FromString)
    try:
        reply = calling(
            request,
            timeout=SECONDS,
            metadata=tuple((name.lower(), value) for name, value in metadata.items()),
        )
    except grpc.RpcError as error:
        return _refusal(error)
    found = json_format.MessageToDict(
        reply,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    return {"status": 200, "code": "OK", "message": found}


def _described(channel: grpc.Channel, path: str) -> MethodDescriptor:
    """Return what a service says of one of its methods."""
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )

    service, _, name = path.removeprefix("/").partition("/")
    try:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        methods = pool.FindServiceByName(service).methods_by_name
    except KeyError:
        raise _refused(f"{service} is none of its services") from None
    except grpc.RpcError as error:
        raise FleetwrightError(
            f"it does not say what {service} is made of",
            where=f"{error.code().name}: {error.details()}",
            hint="start it with ENVIRONMENT=development",
        ) from error
    if name not in methods:
        raise _refused(
            f"{service} has no method {name}", f"it has {', '.join(methods)}"
        )
    return methods[name]


def _refusal(error: Any) -> dict[str, Any]:
    """Return how a call ended that was not answered."""
    found: dict[str, Any] = {
        "status": status_of(error.code()),
        "code": error.code().name,
        "detail": error.details(),
        "message": None,
    }
    document = dict(error.trailing_metadata() or ()).get(PROBLEM)
    if isinstance(document, bytes):
        problem = json.loads(document)
        found |= {"problem": problem, "status": problem["status"]}
    return found


def _refused(message: str, hint: str = "see its .proto") -> FleetwrightError:
    return FleetwrightError(message, hint=hint)


if __name__ == "__main__":
    sys.exit(main())
