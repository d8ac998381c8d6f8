"""python -m fleetwright.migrate orders.app:create_app: upgrades its databases."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import structlog

from fleetwright import _logs
from fleetwright._lifecycle import name_of
from fleetwright._service import Service
from fleetwright._target import failure, load, tell
from fleetwright.errors import FleetwrightError

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


async def migrate(service: Service, revision: str = "head") -> int:
    """Bring every database of a service to a revision.

    Args:
        service: The service; parts that have `migrate` are its databases.
        revision: An Alembic revision, `head` for the newest.

    Returns:
        How many databases the service has.

    Raises:
        StartError: A migration failed; the text names the line.
    """
    databases = [part for part in service.parts if hasattr(part, "migrate")]
    for database in databases:
        try:
            await database.migrate(revision)
        except Exception as error:
            what = f"{name_of(database)} cannot be migrated to {revision}"
            raise failure(what, error) from error
        _log.info("database.migrated", part=name_of(database), revision=revision)
    return len(databases)


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
        asyncio.run(migrate(service, typed.revision))
    except FleetwrightError as error:
        return tell("fleetwright.migrate", error)
    finally:
        _logs.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
