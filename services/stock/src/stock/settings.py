"""What stock reads from its environment."""

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from fleetwright.grpc import GrpcSettings


class StockSettings(GrpcSettings):
    """Settings of the stock service.

    Attributes:
        database_url: Where units are counted, as a SQLAlchemy async URL.
        max_in_flight: How many calls are answered at a time; a hold mostly waits for
            its turn to write.
        opening_units: What is on the shelf of a product nobody has counted in yet; 0
            in a shop that counts every delivery.
        hold_seconds: How long units are held for an order that is not placed, in
            seconds.
        sweep_seconds: How often holds that have ended are looked for, in seconds.
    """

    database_url: str = "sqlite+aiosqlite:///stock.db"
    max_in_flight: PositiveInt = 64
    opening_units: Annotated[int, Field(ge=0, le=1_000_000_000)] = 1_000_000
    hold_seconds: PositiveFloat = 900.0
    sweep_seconds: PositiveFloat = 5.0
