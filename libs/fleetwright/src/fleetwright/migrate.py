"""python -m fleetwright.migrate orders.app:create_app: upgrades its databases."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from fleetwright import _logs
from fleetwright._target import load, tell
from fleetwright._upgrade import upgrade
from fleetwright.errors import FleetwrightError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What was typed after the command; the process's own when left out.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong arguments or settings.
    """
    parser = argparse.ArgumentParser(
        prog="python -m fleetwright.migrate", description=__doc__
    )
    parser.add_argument("target", help="module:function, as in orders.app:create_app")
    parser.add_argument("--revision", default="head", help="default: %(default)s")
    typed = parser.parse_args(arguments)
    try:
        _, service = load(typed.target)
        _logs.set_up(service.name, service.settings)
        asyncio.run(upgrade(service, typed.revision))
    except FleetwrightError as error:
        return tell("fleetwright.migrate", error)
    finally:
        _logs.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
