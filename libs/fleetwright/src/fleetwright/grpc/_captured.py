"""Calls over gRPC kept with their messages, so that a developer may send them again."""

import asyncio
from dataclasses import replace
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from fleetwright._capture import MOST_BYTES, write
from fleetwright._problem import Problem
from fleetwright._service import Service
from fleetwright.grpc._exchange import RpcExchange
from fleetwright.grpc._methods import Answering

KEY = "idempotency-key"


class CapturedExchange(RpcExchange):
    """A call that is written as one line, `call.captured`, however it ends.

    One that is not let in has a message too: it is read for the line alone.
    """

    def __init__(
        self, answering: Answering, body: bytes, context: Any, service: Service
    ) -> None:
        """Take one call.

        Args:
            answering: What is called, and what answers it.
            body: The request as it came.
            context: What grpc.aio knows of the call.
            service: Whose call it is.
        """
        self._answered: dict[str, Any] = {}
        self._asking = answering
        asked = replace(answering, answer=self._answer)
        super().__init__(asked, body, context, service)

    async def run(self) -> None:
        """Let the caller in, have it answered, and write that down."""
        try:
            await super().run()
        except asyncio.CancelledError:
            if self.cut:  # any other end is a refusal
                self._write()
            raise
        self._write()

    def turn_away(self, problem: Problem, trace_id: str | None = None) -> None:
        """Have the call end with a problem, and write that down."""
        super().turn_away(problem, trace_id)
        self._write()

    async def _answer(self, request: Any, context: Any) -> Any:
        reply = await self._asking.answer(request, context)
        self._answered = document(reply)
        return reply

    def _write(self) -> None:
        names = {name for name, _ in self._context.invocation_metadata() or ()}
        write(
            method="GRPC",
            path=self._asking.method.path,
            query="",
            once=KEY in names,
            request=self._request(),
            status=self.status,
            answer=self._answered if self.status == 200 else {},
        )

    def _request(self) -> dict[str, Any]:
        if len(self._body) > MOST_BYTES:
            return {"left_out": f"{len(self._body)} bytes"}
        try:
            return document(self._asking.method.decode(self._body))
        except DecodeError:
            return {"left_out": "no message of its type"}


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
