"""What catalog reads from its environment."""

from fleetwright import Settings


class CatalogSettings(Settings):
    """Settings of the catalog service.

    Attributes:
        database_url: Where products are kept, as a SQLAlchemy async URL.
    """

    database_url: str = "sqlite+aiosqlite:///catalog.db"
