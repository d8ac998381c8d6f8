"""Where notifications is put together."""

from fleetwright import Service
from fleetwright.database import AsyncDatabase
from fleetwright.events import Consumer, connect
from notifications.events import hearing
from notifications.settings import NotificationsSettings


def create_app(settings: NotificationsSettings | None = None) -> Service:
    """Return the notifications service, ready to be served.

    It has no HTTP API of its own: whoever serves it adds the probes.

    Args:
        settings: What to run with; read from the environment when None.
    """
    settings = settings or NotificationsSettings.load()
    database = AsyncDatabase(
        settings.database_url, migrations="notifications.migrations"
    )
    broker = connect(settings.broker_url)

    service = Service("notifications", settings)
    service.add(database)
    service.add(broker)
    service.add(Consumer(database, broker, hearing(settings.mail_domain)))
    return service
