"""The breaches of the day the standard was taken up: they are told, and do not fail."""

import json
from collections import Counter
from pathlib import Path

from fleetwright_cli._errors import FleetError
from fleetwright_cli.standard._check import Report

NAME = "fleet.baseline.json"


def read_baseline(root: Path) -> Counter[str]:
    """Return the frozen fingerprints; none when no baseline was drawn.

    Args:
        root: The folder of fleet.toml.

    Raises:
        FleetError: The file is not what `--baseline` writes.
    """
    path = root / NAME
    if not path.is_file():
        return Counter()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["frozen"]
        return Counter({one["fingerprint"]: int(one["count"]) for one in found})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FleetError(
            f"{NAME} cannot be read: {error}",
            where=str(path),
            hint="draw it again: `fleet check --baseline`",
        ) from error


def write_baseline(root: Path, report: Report) -> int:
    """Freeze what fails today; return how many breaches that are.

    Args:
        root: The folder of fleet.toml.
        report: A check without a baseline.
    """
    failing = report.failing
    counts = Counter(one.fingerprint for one in failing)
    first = {one.fingerprint: one for one in reversed(failing)}
    frozen = [
        {
            "rule": one.rule.id,
            "path": one.breach.path,
            "what": one.breach.what,
            "count": counts[mark],
            "fingerprint": mark,
        }
        for mark, one in first.items()
    ]
    frozen.sort(key=lambda one: (str(one["rule"]), str(one["path"]), str(one["what"])))
    text = json.dumps({"frozen": frozen}, indent=2, ensure_ascii=False)
    (root / NAME).write_text(text + "\n", encoding="utf-8")
    return len(failing)
