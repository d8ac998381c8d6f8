"""A caller over gRPC: the service's own types, in its own environment."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.fleet import Service
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.rehearse._caller import HOST, Answer, Lost

_MODULE = "fleetwright.grpc._asking"
_LINE_BYTES = 16 * 1024 * 1024
_START_SECONDS = 60.0
_LAST_LINES = 8
_LATE_SECONDS = 5.0  # beyond the time that the call itself has


@dataclass(frozen=True, slots=True)
class RpcMethod:
    """What a service says of one of its methods.

    Attributes:
        scope: What the token of a person must be good for; None where none is asked.
        is_repeatable: Whether calling it twice does no more than once.
        changes: Whether it changes anything.
    """

    scope: str | None
    is_repeatable: bool
    changes: bool


class RpcCaller:
    """Sends calls as services do: over connections that are kept.

    Attributes:
        methods: What can be called, by path: `/shop.stock.v1.Stock/Hold`.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Speak through a process.

        Args:
            process: It makes the calls.
        """
        self.methods: Mapping[str, RpcMethod] = {}
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}

    async def send(
        self, path: str, body: Any, *, token: str, seconds: float, anew: bool = False
    ) -> Answer:
        """Make a call and wait for its answer.

        Args:
            path: The method.
            body: The request as JSON has it.
            token: What proves who asks; empty for nothing.
            seconds: Longest wait for an answer.
            anew: Whether to leave kept connections alone.

        Returns:
            The answer; a refusal has the HTTP status that says the same.

        Raises:
            Lost: There was no answer.
        """
        call = {"method": path, "body": body, "token": token, "anew": anew}
        try:
            async with asyncio.timeout(seconds + _LATE_SECONDS):
                told = await self._told({**call, "seconds": seconds})
        except TimeoutError:
            raise Lost(f"no answer in {seconds:g} s") from None
        if "lost" in told:
            raise Lost(told["lost"])
        document = json.dumps(told["body"]).encode()
        resent, cut = bool(told.get("resent")), bool(told.get("cut"))
        return Answer(told["status"], document, resent, cut)

    async def check(self, path: str, body: Any) -> None:
        """Refuse a call that cannot be made.

        Args:
            path: The method.
            body: The request as JSON has it.

        Raises:
            FleetError: There is no such method, or the body is none of its.
        """
        told = await self._told({"method": path, "body": body, "try": True})
        if "wrong" in told:
            known = ", ".join(sorted(self.methods))
            raise FleetError(
                f"GRPC {path} cannot be sent: {told['wrong']}",
                where=f"[rehearse] in fleet.toml; the service answers {known}",
                hint="write the method and its body as the .proto has them",
                exit_code=WRONG_ARGUMENTS,
            )

    async def _told(self, call: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the process says to a call."""
        number = next(self._numbers)
        said: asyncio.Future[Mapping[str, Any]]
        said = asyncio.get_running_loop().create_future()
        self._waiting[number] = said
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - it was started with one
        try:
            pipe.write(json.dumps({**call, "id": number}).encode() + b"\n")
            return await said
        finally:
            del self._waiting[number]

    async def listen(self) -> None:
        """Take what the process says, until it says no more."""
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - it was started with one
        while line := await pipe.readline():
            told = json.loads(line)
            waiting = self._waiting.get(told["id"])
            if waiting is not None and not waiting.done():
                waiting.set_result(told)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Lost("the caller itself has ended"))


@asynccontextmanager
async def calling(service: Service, like: Launch) -> AsyncIterator[RpcCaller]:
    """Make calls to a service inside the block.

    Args:
        service: Who is asked.
        like: How the tree's version of it would be started.

    Yields:
        A caller that knows the methods.

    Raises:
        FleetError: The service answers no gRPC, or its types cannot be had.
    """
    if like.grpc_port is None:
        raise FleetError(
            f"{service.name} answers no gRPC",
            where=f"GRPC requests of [rehearse] in fleet.toml, {service.folder}",
            hint="ask it over HTTP: `GET /v1/things`",
        )
    log = like.log_file.with_name(f"{service.name}-asked.log")
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            like.argv[0],
            *("-m", _MODULE, service.app, f"{HOST}:{like.grpc_port}"),
            cwd=like.folder,
            env=dict(like.environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=_LINE_BYTES,
            process_group=0,  # Ctrl-C is for us: it ends when its input does
        )
    caller = RpcCaller(process)
    try:
        caller.methods = await _methods(process, service, log)
        listening = asyncio.create_task(caller.listen())
        try:
            yield caller
        finally:
            listening.cancel()
            await asyncio.wait((listening,))
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _methods(
    process: asyncio.subprocess.Process, service: Service, log: Path
) -> Mapping[str, RpcMethod]:
    """Return what the process says first.

    Raises:
        FleetError: It says nothing; in its own words.
    """
    assert process.stdout is not None  # noqa: S101 - it was started with one
    try:
        async with asyncio.timeout(_START_SECONDS):
            first = await process.stdout.readline()
        said = json.loads(first)["methods"]
    except (TimeoutError, ValueError):
        raise FleetError(
            f"{service.name} cannot be asked over gRPC",
            where=_last_words(log) or "it does not say why",
            hint=f"see whether it starts: `fleet up {service.name}`",
        ) from None
    return {
        path: RpcMethod(one["scope"], one["repeatable"], one["changes"])
        for path, one in said.items()
    }


def _last_words(log: Path) -> str:
    words = log.read_text("utf-8", errors="replace").strip().splitlines()
    return "\n".join(words[-_LAST_LINES:])
