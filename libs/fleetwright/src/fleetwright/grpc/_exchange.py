"""One call coming in and its reply, as gRPC knows them."""

import asyncio
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from fleetwright._context import Call
from fleetwright._deadline import current_deadline
from fleetwright._problem import Problem
from fleetwright._service import Service
from fleetwright.grpc._methods import Answering
from fleetwright.grpc._status import code_of, ending_of, status_of

_LONGEST_MILLISECONDS = 999_999_999


class RpcExchange:
    """One unary call: what came in, and how it ends.

    Attributes:
        status: HTTP status that says the same as the answer, 0 before there is one.
        cut: `gone` once the caller has hung up or given up.
    """

    __slots__ = (
        "_aborted",
        "_answering",
        "_body",
        "_code",
        "_context",
        "_ending",
        "_reply",
        "_service",
        "cut",
        "status",
    )

    def __init__(
        self,
        answering: Answering,
        body: bytes,
        context: Any,
        service: Service,
    ) -> None:
        """Take one call.

        Args:
            answering: What is called, and what answers it.
            body: The request as it came.
            context: What grpc.aio knows of the call.
            service: Whose call it is.
        """
        self._answering = answering
        self._body = body
        self._context = context
        self._service = service
        self._reply = b""
        self._ending: tuple[Any, ...] | None = None
        self._aborted: Exception | None = None
        self._code: grpc.StatusCode | None = None
        self.status = 0
        self.cut = ""

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the metadata as headers, the deadline of gRPC among them."""
        left = self._context.time_remaining()
        found = [
            (name.encode(), value.encode("latin-1", "replace"))
            for name, value in self._context.invocation_metadata() or ()
            if isinstance(value, str) and (left is None or name != "fleet-deadline-ms")
        ]
        if left is not None and left * 1000 < _LONGEST_MILLISECONDS:
            milliseconds = max(0, int(left * 1000))
            found.append((b"fleet-deadline-ms", str(milliseconds).encode()))
        return found

    async def run(self) -> None:
        """Let the caller in, read the request, have it answered, write the reply."""
        self._service.gate.require(self._answering.access)
        method = self._answering.method
        try:
            request = method.decode(self._body)
        except DecodeError:
            raise Problem(
                400,
                "The request is not valid",
                detail="It is no message of the type this method takes.",
                kind="invalid_request",
            ) from None
        try:
            reply = await self._answering.answer(request, self._context)
        except aio.AbortError as error:
            self._aborted = error  # the servicer has ended the call itself
        except asyncio.CancelledError:
            self._learn_who_cut()
            raise
        else:
            self._reply = method.encode(reply)
        self._code = self._context.code()
        self.status = status_of(self._code)

    def _learn_who_cut(self) -> None:
        """Only the caller's going, a deadline and the end of a drain cancel a call."""
        deadline = current_deadline()
        expired = deadline is not None and deadline.expired
        if not expired and not self._service.lifecycle.told_to_stop:
            self.cut = "gone"

    async def refuse(self, problem: Problem, call: Call) -> None:
        """Have the call end with a problem, unless it has ended."""
        if not self.status:
            self.turn_away(problem, call.trace_id)

    def turn_away(self, problem: Problem, trace_id: str | None = None) -> None:
        """Have the call end with a problem.

        Args:
            problem: What is answered.
            trace_id: Of the call, where its headers were read.
        """
        self.status = problem.status
        self._code = code_of(problem.status)
        self._ending = ending_of(problem, trace_id)

    async def end(self) -> None:
        """Do nothing: only streams are ended, and there are none."""

    async def reply(self) -> bytes:
        """Return the reply.

        Raises:
            AbortError: The call ends with a problem; grpc.aio expects it so.
            CancelledError: Nobody listens any more.
        """
        if self._aborted is not None:
            raise self._aborted
        if self._ending is not None:
            code, words, metadata = self._ending
            await self._context.abort(code, words, metadata)
        if self.cut:
            raise asyncio.CancelledError
        return self._reply

    def described(self) -> dict[str, Any]:
        """Return what is put on the canonical line: the method is the route."""
        code = self._code or grpc.StatusCode.OK
        fields = {"method": "GRPC", "route": self._answering.method.path}
        if self.status:
            fields["code"] = code.name
        return fields
