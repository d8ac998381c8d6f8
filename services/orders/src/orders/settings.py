"""What orders reads from its environment."""

from pydantic import PositiveFloat, PositiveInt

from fleetwright import Settings


class OrdersSettings(Settings):
    """Settings of the orders service.

    Attributes:
        database_url: Where orders are kept, as a SQLAlchemy async URL.
        max_in_flight: How many calls are answered at a time; they mostly wait for
            catalog, stock and their turn to write.
        quote_seconds: Longest wait for the prices of one order, in seconds.
        stock_seconds: Longest wait until stock has held one order, in seconds.
    """

    database_url: str = "sqlite+aiosqlite:///orders.db"
    max_in_flight: PositiveInt = 64
    quote_seconds: PositiveFloat = 2.0
    stock_seconds: PositiveFloat = 2.0
