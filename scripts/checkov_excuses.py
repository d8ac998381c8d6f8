"""Holds the excuses of deploy/checkov/config.yaml to what checkov finds without them.

venv/bin/python scripts/checkov_excuses.py --rules     the rules that are excused
venv/bin/python scripts/checkov_excuses.py REPORT      exit 1 on a bare or stale one
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

CONFIG = Path(__file__).resolve().parents[1] / "deploy" / "checkov" / "config.yaml"
_EXCUSE = re.compile(r"\s*- (CKV2?_\w+)\s*")
_LEAST_WORDS = 5


def reasons(config: str) -> dict[str, str]:
    """Return the rules that are excused, each with the comment above it.

    Args:
        config: What checkov is told.
    """
    found: dict[str, str] = {}
    said: list[str] = []
    for line in config.splitlines():
        if line.lstrip().startswith("#"):
            said.append(line.strip().lstrip("# "))
            continue
        if excuse := _EXCUSE.fullmatch(line):
            found[excuse[1]] = " ".join(said)
        said = []
    return found


def broken(report: str) -> set[str]:
    """Return the rules that something breaks.

    Args:
        report: What checkov says, as JSON: of one framework, or of several.
    """
    said = json.loads(report)
    parts = said if isinstance(said, list) else [said]
    return {
        one["check_id"]
        for part in parts
        for one in part.get("results", {}).get("failed_checks", ())
    }


def faults(excused: dict[str, str], found: Iterable[str]) -> Iterator[str]:
    """Yield excuses that say nothing, and ones that nothing needs any more.

    Args:
        excused: The rules that are excused, with why.
        found: The rules that something breaks.
    """
    needed = set(found)
    for rule, why in excused.items():
        if len(why.split()) < _LEAST_WORDS:
            yield f"{rule} is excused without a reason: write one above it"
        if rule not in needed:
            yield f"{rule} is excused and kept: take the excuse away"


def main() -> int:
    """Judge, and return the exit code."""
    excused = reasons(CONFIG.read_text("utf-8"))
    if sys.argv[1:] == ["--rules"]:
        sys.stdout.write(",".join(excused) + "\n")
        return 0
    report = Path(sys.argv[1]).read_text("utf-8")
    wrong = list(faults(excused, broken(report)))
    sys.stderr.write("".join(f"{CONFIG.name}: {one}\n" for one in wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
