"""What orders reads from its environment."""

from pydantic import PositiveFloat

from fleetwright import Settings


class OrdersSettings(Settings):
    """Settings of the orders service.

    Attributes:
        database_url: Where orders are kept, as a SQLAlchemy async URL.
        quote_seconds: Longest wait for the prices of one order, in seconds.
    """

    database_url: str = "sqlite+aiosqlite:///orders.db"
    quote_seconds: PositiveFloat = 2.0
