"""What vouchers reads from its environment."""

from pydantic import PositiveFloat

from fleetwright import Settings


class VouchersSettings(Settings):
    """Settings of the vouchers service.

    Attributes:
        database_url: Where vouchers are kept, as a SQLAlchemy URL.
        orders_seconds: Longest wait for an order to be found, in seconds.
    """

    database_url: str = "sqlite:///vouchers.db"
    orders_seconds: PositiveFloat = 2.0
