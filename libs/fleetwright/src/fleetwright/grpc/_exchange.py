"""One call coming in and its reply, as gRPC knows them."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import aio

from fleetwright._context import Call
from fleetwright._deadline import current_deadline
from fleetwright._lifecycle import Lifecycle
from fleetwright._problem import Problem
from fleetwright.grpc._methods import Method
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
        "_answer",
        "_body",
        "_code",
        "_context",
        "_ending",
        "_lifecycle",
        "_method",
        "_reply",
        "cut",
        "status",
    )

    def __init__(
        self,
        method: Method,
        answer: Callable[..., Any],
        body: bytes,
        context: Any,
        lifecycle: Lifecycle,
    ) -> None:
        """Take one call.

        Args:
            method: What is called.
            answer: The servicer's own method.
            body: The request as it came.
            context: What grpc.aio knows of the call.
            lifecycle: Of the service.
        """
        self._method = method
        self._answer = answer
        self._body = body
        self._context = context
        self._lifecycle = lifecycle
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
        """Read the request, have it answered, write the reply."""
        method = self._method
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
            reply = await self._answer(request, self._context)
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
        if not expired and not self._lifecycle.told_to_stop:
            self.cut = "gone"

    async def refuse(self, problem: Problem, call: Call) -> None:
        """Have the call end with a problem, unless it has ended."""
        if self.status:
            return
        self.status = problem.status
        self._code = code_of(problem.status)
        self._ending = ending_of(problem, call.trace_id)

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
        fields = {"method": "GRPC", "route": self._method.path}
        if self.status:
            fields["code"] = code.name
        return fields
