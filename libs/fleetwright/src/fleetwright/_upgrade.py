"""Every database of a service brought to a revision."""

import structlog

from fleetwright._part import name_of
from fleetwright._service import Service
from fleetwright._target import failure

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


async def upgrade(service: Service, revision: str = "head") -> int:
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
