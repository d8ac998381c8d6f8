"""python -m fleetwright.contract orders.app:create_app: its contracts as JSON."""

import argparse
import sys
from collections.abc import Sequence

from fleetwright._target import load, tell
from fleetwright.contract import canonical, describe
from fleetwright.errors import FleetwrightError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What was typed after the command; the process's own when left out.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong arguments or settings.
    """
    parser = argparse.ArgumentParser(
        prog="python -m fleetwright.contract", description=__doc__
    )
    parser.add_argument("target", help="module:function, as in orders.app:create_app")
    typed = parser.parse_args(arguments)
    try:
        app, service = load(typed.target)
        package = typed.target.partition(":")[0].partition(".")[0]
        sys.stdout.write(canonical(describe(app, service, package=package)))
    except FleetwrightError as error:
        return tell("fleetwright.contract", error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
