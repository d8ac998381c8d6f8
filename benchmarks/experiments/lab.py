"""Lab: what one experiment is given, and what it has found."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from experiments.served import Served, serve


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant and the figure it was held to.

    Attributes:
        what: The invariant, with its limit.
        figure: What was measured.
        ok: Whether it holds.
    """

    what: str
    figure: str
    ok: bool


class History:
    """Every operation of an experiment, one JSON line each; checked when it is over."""

    def __init__(self, file: Path) -> None:
        """Write into a file.

        Args:
            file: Where; made anew.
        """
        self.file = file
        self._out = file.open("w", encoding="utf-8")

    def note(self, **operation: Any) -> None:
        """Write one operation down.

        Args:
            **operation: What was done and what came of it.
        """
        self._out.write(json.dumps(operation) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """Return all operations, in order, from the file."""
        self._out.flush()
        lines = self.file.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]


class Lab:
    """One run of one experiment.

    Attributes:
        seed: What every choice is drawn from.
        random: The draws.
        folder: A folder of its own.
        mutant: The mistake put into our own code; None for the code as it is.
        history: Every operation.
        checks: What was found.
    """

    def __init__(self, seed: int, folder: Path, mutant: str | None = None) -> None:
        """Begin with nothing found.

        Args:
            seed: What every choice is drawn from.
            folder: An empty folder.
            mutant: The name of a mistake, see `mutants.py`.
        """
        self.seed = seed
        self.random = Random(seed)
        self.folder = folder
        self.mutant = mutant
        self.history = History(folder / "history.jsonl")
        self.checks: list[Check] = []
        self.stack = AsyncExitStack()

    def check(self, what: str, figure: object, ok: bool) -> None:
        """Hold something to its figure.

        Args:
            what: The invariant, with its limit.
            figure: What was measured.
            ok: Whether it holds.
        """
        self.checks.append(Check(what, str(figure), bool(ok)))

    def note(self, what: str, figure: object) -> None:
        """Say something that is measured but not held to a limit.

        Args:
            what: What was measured.
            figure: The figure.
        """
        self.check(what, figure, True)

    async def serve(self, app: str, **environment: str) -> Served:
        """Start a service of `apps.py` in a process of its own.

        Args:
            app: The name of the function that makes it.
            **environment: Its settings.

        Returns:
            The running service; it is stopped at the end of the experiment.
        """
        running = serve(self.folder, app, self.mutant, environment)
        return await self.stack.enter_async_context(running)

    def document(self) -> dict[str, Any]:
        """Return what was found, for a program."""
        return {"checks": [asdict(check) for check in self.checks]}


class LoopLag:
    """The longest time the loop of this process did not turn: noise of the machine."""

    def __init__(self) -> None:
        """Begin with none."""
        self.worst_seconds = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "LoopLag":
        """Begin to look."""
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop looking."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.005)
            late = loop.time() - before - 0.005
            self.worst_seconds = max(self.worst_seconds, late)


def percentile(values: list[float], share: float) -> float:
    """Return a percentile by nearest rank; 0 for no values.

    Args:
        values: In any order.
        share: 0.99 for the 99th percentile.
    """
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
