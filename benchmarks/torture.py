"""Kills everything at every moment, then audits that each event had its effect once.

    venv/bin/python benchmarks/torture.py --broker rabbit --database postgres --seed 1
    venv/bin/python benchmarks/torture.py --events 5000 --kills 60 --mutants

With --mutants the library is broken in five ways, one after the other; each must be
caught. Exits 0 when all is as it should be, 1 when not, 2 when it could not be run.
"""

import argparse
import asyncio
import json
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from tortured.mistakes import MISTAKES
from tortured.plan import Wishes
from tortured.run import Figures, Torture

KILLS_A_TROUBLE = 4
_NOT_RUN, _INTERRUPTED = 2, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for.

    Args:
        words: The command line; the process's own when None.

    Returns:
        The exit code.
    """
    wanted = _parser().parse_args(words)
    seed = random.randrange(1_000_000) if wanted.seed is None else wanted.seed
    wishes = Wishes(
        wanted.broker,
        wanted.database,
        wanted.events,
        wanted.kills,
        seed,
        wanted.broken or "",
        troubles=wanted.kills // KILLS_A_TROUBLE,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )
    results = []
    for one in _runs(wishes, all_mistakes=wanted.mutants):
        try:
            figures, ok = _run(one, keep=wanted.keep)
        except KeyboardInterrupt:
            _say("interrupted: nothing runs on")
            return _INTERRUPTED
        except (OSError, RuntimeError) as error:
            _say(f"it could not be run: {error}")
            return _NOT_RUN
        results.append((figures, ok))
        if not wanted.json:
            print(figures.text(), flush=True)
    if wanted.json:
        told = [{**figures.document(), "as_it_should": ok} for figures, ok in results]
        print(json.dumps(told, indent=2))
    return 0 if all(ok for _, ok in results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--broker", choices=("embedded", "rabbit", "kafka"), default="embedded")
    add("--database", choices=("sqlite", "postgres"), default="sqlite")
    add("--events", type=_count, default=100_000, help="how many (100,000)")
    add("--kills", type=_count, default=200, help="how many deaths (200)")
    add("--seed", type=int, help="what every choice is drawn from")
    add("--broken", choices=MISTAKES, help="put one mistake into the library")
    add("--mutants", action="store_true", help="all five mistakes, each to be caught")
    add("--keep", type=Path, metavar="DIR", help="where the traces of failures go")
    add("--json", action="store_true", help="print JSON")
    return parser


def _runs(wishes: Wishes, *, all_mistakes: bool) -> list[Wishes]:
    """Return what is run, one after the other."""
    if not all_mistakes and not wishes.broken:
        return [wishes]
    # Who is broken need not come to rest: what is stuck is found after a few seconds.
    broken = replace(wishes, deaths=("point",), rest_seconds=15.0)
    names = MISTAKES if all_mistakes else [wishes.broken]
    return [replace(broken, broken=name) for name in names]


def _run(wishes: Wishes, *, keep: Path | None) -> tuple[Figures, bool]:
    """Run one torture; keep its logs and databases where it ends badly."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="torture-", dir=keep))
    ok = False
    try:
        figures = asyncio.run(Torture(wishes, folder, _teller()).run())
        # A mistake is caught by the audit; a run that breaks down proves nothing.
        ok = not figures.found.ok if wishes.broken else figures.ok
        return figures, ok
    finally:
        if ok:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _say(f"its logs and databases are kept in {folder}")


def _teller() -> "Teller":
    return Teller(time.monotonic())


class Teller:
    """Tells on stderr how far a run is."""

    def __init__(self, began: float) -> None:
        """Begin to count the time."""
        self._began = began

    def __call__(self, line: str) -> None:
        """Tell one line."""
        _say(f"{time.monotonic() - self._began:6.1f} s  {line}")


def _say(line: str) -> None:
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
