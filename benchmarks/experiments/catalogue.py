"""The experiments there are: one module each, found by its name."""

import importlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from experiments.lab import Lab

_NAME = re.compile(r"e(\d\d)_[a-z_]+")


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment.

    Attributes:
        number: Its number.
        title: What is broken, in a line.
        run: Does it.
        mutants: Mistakes in our own code, each of which must make it fail.
    """

    number: int
    title: str
    run: Callable[[Lab], Awaitable[None]]
    mutants: tuple[str, ...]


def experiments() -> dict[int, Experiment]:
    """Return every experiment by its number."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("e*.py")):
        named = _NAME.fullmatch(path.stem)
        if named is None:
            continue
        module = importlib.import_module(f"experiments.{path.stem}")
        title = (module.__doc__ or "").split("\n", 1)[0].rstrip(".")
        number = int(named[1])
        found[number] = Experiment(number, title, module.run, module.MUTANTS)
    return found
