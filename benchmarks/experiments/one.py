"""python -m experiments.one NUMBER SEED FOLDER [MUTANT]: one experiment, as JSON.

A process of its own, so that a mistake put in, a limit or a leak ends with it. Exits 0
when every check holds, 1 when one does not, 3 when the experiment itself broke.
"""

import asyncio
import json
import logging
import sys
import traceback
from pathlib import Path

import structlog

from experiments.catalogue import experiments
from experiments.lab import Lab
from experiments.mutants import is_ours, put_in


async def _run(number: int, lab: Lab) -> None:
    async with lab.stack:
        await experiments()[number].run(lab)


def main() -> int:
    """Run the experiment the command line names."""
    number, seed, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    mutant = sys.argv[4] if len(sys.argv) > 4 else None
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )
    if mutant is not None and is_ours(mutant):
        put_in(mutant)
    lab = Lab(seed, folder, mutant)
    broke = ""
    try:
        asyncio.run(_run(number, lab))
    except Exception:
        broke = traceback.format_exc()
    print(json.dumps({**lab.document(), "broke": broke}))
    if broke:
        return 3
    return 0 if all(check.ok for check in lab.checks) else 1


if __name__ == "__main__":
    sys.exit(main())
