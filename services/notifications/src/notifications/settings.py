"""What notifications reads from its environment."""

from fleetwright import Settings


class NotificationsSettings(Settings):
    """Settings of the notifications service.

    Attributes:
        database_url: Where sent mails are kept, as a SQLAlchemy async URL.
        mail_domain: Domain of the buyers' addresses.
    """

    database_url: str = "sqlite+aiosqlite:///notifications.db"
    mail_domain: str = "buyers.shop.example"
