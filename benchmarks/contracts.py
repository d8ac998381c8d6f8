"""Our contract engine beside others that tell whether one JSON Schema fits another.

Usage: venv-bench/bin/python benchmarks/contracts.py [--cases FOLDER] [--seconds N]
           [--every N] [--large FOLDER]

The pairs are those of the engine's own matrix, for which the answer is known, and with
--cases those of `jsts-d2020_12.jsonl` in a folder of labelled pairs (what a validator
must know, no documents of others). Each engine works in a process of its own; a pair
that takes more than N seconds (2) of CPU counts as crashed. For each engine: how many
pairs are right, wrong in either way, not decided and crashed, and the CPU seconds of
all. Exits 1 if ours is wrong, or decides less than another.

With --large only, documents of OpenAPI of several megabytes are compared by the whole
command, `fleet contracts diff OLD NEW`, and each old one with itself: the folder has a
folder for each pair with `old.json` and `new.json`. Told are CPU seconds, user and
system together, and the most memory. Exits 1 above 5 s or 500 MB; says so where no pair
is.
"""

import argparse
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "libs" / "fleetwright-contracts" / "tests"
BESIDE = {"optional", "remote_ref"}
MOST_SECONDS, MOST_MEGABYTES = 5, 500
sys.path.insert(0, str(TESTS))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two schemas, and whether everything of the first is taken by the second."""

    sent: Any
    read: Any
    fits: bool


# True, False, or None where the engine does not know.
Engine = Callable[[Any, Any], bool | None]


def ours() -> Engine:
    """Return our engine."""
    from fleetwright_contracts import Verdict, compare_schemas

    said = {Verdict.FITS: True, Verdict.BREAKS: False, Verdict.UNKNOWN: None}
    return lambda sent, read: said[compare_schemas(sent, read).verdict]


def jsonsubschema() -> Engine:
    """Return IBM's engine, which answers yes or no or raises."""
    from jsonsubschema import isSubschema

    return lambda sent, read: bool(isSubschema(sent, read))


def jsonschema_rs() -> Engine:
    """Return the experimental one of `jsonschema-rs`: yes, no, or unknown."""
    from jsonschema_rs import canonicalize

    said = {"yes": True, "no": False}

    def call(sent: Any, read: Any) -> bool | None:
        one, other = (canonicalize(schema, draft=20) for schema in (sent, read))
        return said.get(other.covers(one).value)

    return call


ENGINES = {"ours": ours, "jsonsubschema": jsonsubschema, "jsonschema-rs": jsonschema_rs}


def own_pairs() -> Iterator[Pair]:
    """Yield the pairs of the matrix, in both directions."""
    from matrix import composed, insides, scalars

    for table in (scalars, insides, composed):
        for _, narrow, wide in table.NARROWER:
            yield Pair(narrow, wide, fits=True)
            yield Pair(wide, narrow, fits=False)
        for fits, rows in ((True, table.EQUAL), (False, table.CROSSING)):
            for _, one, other in rows:
                yield Pair(one, other, fits)
                yield Pair(other, one, fits)


def labelled_pairs(folder: Path) -> Iterator[Pair]:
    """Yield the pairs of a suite."""
    text = (folder / "jsts-d2020_12.jsonl").read_text("utf-8")
    for line in text.splitlines():
        case = json.loads(line)
        if not BESIDE & set(case["tags"]):
            yield Pair(case["old"], case["new"], case["expected"] == "compatible")


def judged(name: str, pairs: list[Pair], seconds: int) -> tuple[Counter[str], float]:
    """Return what an engine makes of pairs, and the seconds it took for all."""

    def late(*_: object) -> NoReturn:
        raise TimeoutError

    signal.signal(signal.SIGVTALRM, late)
    engine, tally = ENGINES[name](), Counter[str]()
    began = time.process_time()
    for pair in pairs:
        # Again and again: engines catch what they did not expect.
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 0.1)
        try:
            said = engine(pair.sent, pair.read)
            wrong = "wrongly fits" if said else "wrongly breaks"
            right = "right" if said is pair.fits else wrong
            tally["unknown" if said is None else right] += 1
        except BaseException:  # engines raise whatever they like, and panic
            tally["crashed"] += 1
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return tally, time.process_time() - began


def compared(title: str, pairs: list[Pair], seconds: int) -> bool:
    """Print how all engines do on some pairs; return whether ours is the best."""
    columns = ("right", "wrongly fits", "wrongly breaks", "unknown", "crashed")
    print(f"\n{title}: {len(pairs)} pairs")
    print(
        f"{'engine':15}" + "".join(f"{one:>16}" for one in columns) + "    CPU seconds"
    )
    found = {}
    for name in ENGINES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            tally, spent = pool.apply(judged, (name, pairs, seconds))
        found[name] = tally
        cells = "".join(f"{tally[one]:16}" for one in columns)
        print(f"{name:15}{cells}{spent:15.2f}", flush=True)
    mine = found["ours"]
    is_right = not mine["wrongly fits"] and not mine["wrongly breaks"]
    return is_right and all(mine["right"] >= one["right"] for one in found.values())


def measured(old: Path, new: Path) -> tuple[float, int, str]:
    """Return CPU seconds, megabytes and the last line of comparing two documents."""
    words = [sys.executable, "-m", "fleetwright_cli", "contracts", "diff"]
    with subprocess.Popen(
        [*words, str(old), str(new)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        last = process.stdout.read().splitlines()[-1:]
        # `wait` would lose what the process used.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1) or not last:
        raise SystemExit(f"{old} and {new} were not compared")
    seconds = used.ru_utime + used.ru_stime
    return seconds, used.ru_maxrss // 1024, "".join(last)


def large(folder: Path) -> int:
    """Compare large documents; return what to exit with."""
    pairs = [
        (one / "old.json", one / "new.json")
        for one in sorted(folder.glob("*"))
        if (one / "old.json").is_file() and (one / "new.json").is_file()
    ]
    if not pairs:
        print(f"skipped: no pair of old.json and new.json in a folder below {folder}")
    fine = True
    for old, new in pairs:
        for other in (new, old):
            seconds, megabytes, verdict = measured(old, other)
            size = (old.stat().st_size + other.stat().st_size) / 2e6
            print(
                f"{old.parent.name} {old.stem} {other.stem} {size:.1f} MB:"
                f" {seconds:.2f} s, {megabytes} MB, {verdict}",
                flush=True,
            )
            fine = fine and seconds < MOST_SECONDS and megabytes < MOST_MEGABYTES
    return 0 if fine else 1


def main() -> int:
    """Compare the engines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="take each N-th pair only")
    parser.add_argument("--large", type=Path)
    said = parser.parse_args()
    if said.large is not None:
        return large(said.large)
    pairs = list(own_pairs())[:: said.every]
    best = compared("the engine's own matrix", pairs, said.seconds)
    if said.cases is not None:
        pairs = list(labelled_pairs(said.cases))[:: said.every]
        best = compared("JSON-Schema-Test-Suite", pairs, said.seconds) and best
    return 0 if best else 1


if __name__ == "__main__":
    sys.exit(main())
