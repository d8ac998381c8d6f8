"""One operating system process in a group of its own, that cannot outlive us."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path

LEASH = Path(__file__).with_name("_leash.py")
LONGEST_LINE_BYTES = 1_048_576
CHUNK_BYTES = 65_536


class Output:
    """The reading end of a pipe.

    Attributes:
        reader: Gets what is written.
    """

    def __init__(
        self, reader: asyncio.StreamReader, transport: asyncio.ReadTransport
    ) -> None:
        """Keep both halves of a stream.

        Args:
            reader: Gets what is written.
            transport: Feeds the reader.
        """
        self.reader = reader
        self._transport = transport

    @classmethod
    async def of(cls, descriptor: int) -> "Output":
        """Return the output behind a descriptor, which belongs to it from now on.

        Args:
            descriptor: The reading end of a pipe.
        """
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader),
            os.fdopen(descriptor, "rb", buffering=0),
        )
        return cls(reader, transport)

    def close(self) -> None:
        """Stop reading."""
        self._transport.close()


class Child:
    """A started process with its group; owned by one task.

    No descriptor of ours but the output pipe reaches it. On Linux the kernel kills it
    when we die.

    Attributes:
        pid: Its process id, which is its group's id as well.
    """

    def __init__(self, process: asyncio.subprocess.Process, output: "Output") -> None:
        """Wrap a process that was started with `start`.

        Args:
            process: A process that leads its own group.
            output: The reading end of what it writes.
        """
        self._process = process
        self._output = output
        self.pid = process.pid

    @classmethod
    async def start(
        cls, argv: tuple[str, ...], *, folder: Path, environment: Mapping[str, str]
    ) -> "Child":
        """Start a program.

        Args:
            argv: An absolute path and its arguments.
            folder: Where it runs.
            environment: Its whole environment.

        Returns:
            The running child.

        Raises:
            OSError: The folder is gone, or the system refuses more processes.
        """
        leash = (sys.executable, "-I", "-S", str(LEASH), str(os.getpid()))
        # A pipe of our own: with asyncio's, `wait` would wait for its end, which a
        # grandchild can hold open long after the process itself has crashed.
        reading, writing = os.pipe()
        output = await Output.of(reading)
        try:
            process = await asyncio.create_subprocess_exec(
                *leash,
                *argv,
                cwd=folder,
                env=dict(environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                process_group=0,
            )
        except BaseException:
            output.close()
            raise
        finally:
            os.close(writing)
        return cls(process, output)

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield its output line by line, without line ends, until it is closed."""
        rest = b""
        while chunk := await self._output.reader.read(CHUNK_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line
            if len(rest) > LONGEST_LINE_BYTES:
                yield rest
                rest = b""
        if rest:
            yield rest

    def close_output(self) -> None:
        """Stop reading what it writes; call it once, when it has ended."""
        self._output.close()

    async def wait(self) -> int:
        """Wait for its end and return the exit code, negative for a signal."""
        return await self._process.wait()

    async def stop(self, grace_seconds: float) -> int:
        """End it: SIGTERM to the process, after the grace SIGKILL to its group.

        Args:
            grace_seconds: How long it may drain.

        Returns:
            The exit code, negative for a signal.
        """
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_seconds):
                await self._process.wait()
        except TimeoutError:
            pass
        self.kill()
        return await self._process.wait()

    def kill(self) -> None:
        """Kill the whole group, also what the process has left behind."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
