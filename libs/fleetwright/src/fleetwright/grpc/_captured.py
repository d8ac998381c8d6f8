"""Calls over gRPC kept with their messages, so that a developer may send them again."""

from dataclasses import replace
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from fleetwright._capture import MOST_BYTES, write
from fleetwright._problem import problem_of
from fleetwright.grpc._methods import Answering
from fleetwright.grpc._status import status_of

KEY = "idempotency-key"


def captured(one: Answering) -> Answering:
    """Return a method whose calls are each written as one line, `call.captured`.

    A call that is not let in is not kept: nothing has read its message.

    Args:
        one: The method, with what answers it.
    """

    async def answer(request: Any, context: Any) -> Any:
        status, said = 0, {}
        try:
            reply = await one.answer(request, context)
            status, said = status_of(context.code()), document(reply)
        except Exception as error:
            status = status_of(context.code())
            if status == 200:  # the servicer has not ended the call itself
                status = problem_of(error).status
            raise
        finally:
            names = {name for name, _ in context.invocation_metadata() or ()}
            write(
                method="GRPC",
                path=one.method.path,
                query="",
                once=KEY in names,
                request=document(request),
                status=status,
                answer=said,
            )
        return reply

    return replace(one, answer=answer)


def document(message: Message) -> dict[str, Any]:
    """Return a message as JSON, every field of it; what it is where it is too long.

    Args:
        message: What was sent or answered.
    """
    size = message.ByteSize()
    if size > MOST_BYTES:
        return {"left_out": f"{size} bytes"}
    found = MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    return {"json": found}
