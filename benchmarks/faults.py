"""Breaks things on purpose and holds every invariant to its figure.

    venv/bin/python benchmarks/faults.py [N...] [--seed S] [--mutants] [--json]

With --mutants each experiment runs against our own code with a mistake put in, and
must fail. Exits 0 when all is as it should be, 1 when not, 2 for a number that is none.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.catalogue import Experiment, experiments

LONGEST_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run of one experiment ended.

    Attributes:
        experiment: Which.
        seed: What it was drawn from.
        mutant: The mistake it ran with; None for none.
        seconds: How long it took.
        checks: What was found.
        broke: Why the experiment itself broke; empty when it did not.
    """

    experiment: Experiment
    seed: int
    mutant: str | None
    seconds: float
    checks: list[dict[str, Any]]
    broke: str

    @property
    def ok(self) -> bool:
        """Whether it is as it should be: it holds, or a mutant was caught."""
        if self.broke:
            return False
        holds = all(check["ok"] for check in self.checks) and bool(self.checks)
        return holds if self.mutant is None else not holds

    def text(self) -> str:
        """Return it for a person."""
        it = self.experiment
        mutant = "" if self.mutant is None else f" with {self.mutant}"
        word = (
            ("PASS" if self.ok else "FAIL")
            if self.mutant is None
            else ("caught" if self.ok else "NOT CAUGHT")
        )
        lines = [
            f"{it.number:2d}  {it.title}{mutant}: {word}"
            f" ({self.seconds:.1f} s, --seed {self.seed})"
        ]
        for check in self.checks:
            mark = "ok  " if check["ok"] else "FAIL"
            lines.append(f"      {mark} {check['what']}: {check['figure']}")
        lines += [f"      {line}" for line in self.broke.splitlines()]
        return "\n".join(lines)

    def document(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "number": self.experiment.number,
            "title": self.experiment.title,
            "seed": self.seed,
            "mutant": self.mutant,
            "seconds": round(self.seconds, 2),
            "ok": self.ok,
            "checks": self.checks,
            "broke": self.broke,
        }


def run(experiment: Experiment, seed: int, mutant: str | None = None) -> Outcome:
    """Run one experiment in a process of its own, bounded in time.

    Args:
        experiment: Which.
        seed: What it is drawn from.
        mutant: The mistake it runs with.

    Returns:
        How it ended; nothing it started runs on.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fleet-fault-") as folder:
        words = [str(experiment.number), str(seed), folder]
        words += [mutant] if mutant else []
        child = subprocess.Popen(
            [sys.executable, "-m", "experiments.one", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            start_new_session=True,
        )
        broke = ""
        try:
            out, said = child.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            out, said = b"", b""
            broke = f"it took longer than {LONGEST_SECONDS:g} s"
        finally:
            _end(child)
    try:
        told = json.loads(out.splitlines()[-1]) if out else {}
    except ValueError:
        told = {}
    if not told and not broke:
        broke = said.decode("utf-8", "replace")[-2000:] or "it ended without a word"
    return Outcome(
        experiment,
        seed,
        mutant,
        time.monotonic() - began,
        told.get("checks", []),
        told.get("broke", "") or broke,
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    """Leave nothing behind that the child has started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def main(words: Sequence[str] | None = None) -> int:
    """Run what the command line asks for.

    Args:
        words: The command line; the process's own when None.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("numbers", nargs="*", type=int, metavar="N", help="which; all")
    parser.add_argument("--seed", type=int, help="what everything is drawn from")
    parser.add_argument("--mutants", action="store_true", help="with mistakes put in")
    parser.add_argument("--json", action="store_true", help="print JSON")
    wanted = parser.parse_args(words)
    known = experiments()
    unknown = [number for number in wanted.numbers if number not in known]
    if unknown:
        there = ", ".join(map(str, known))
        sys.stderr.write(f"there is no experiment {unknown[0]}\nhint: {there}\n")
        return 2
    seed = random.randrange(1_000_000) if wanted.seed is None else wanted.seed
    outcomes = []
    for number in wanted.numbers or known:
        experiment = known[number]
        for mutant in experiment.mutants if wanted.mutants else (None,):
            outcome = run(experiment, seed, mutant)
            outcomes.append(outcome)
            if not wanted.json:
                print(outcome.text(), flush=True)
    if wanted.json:
        print(json.dumps([outcome.document() for outcome in outcomes], indent=2))
    bad = sum(not outcome.ok for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    line = (
        f"{len(outcomes) - bad} of {len(outcomes)} as they should be, {seconds:.0f} s"
    )
    sys.stderr.write(f"{line}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
