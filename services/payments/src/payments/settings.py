"""What payments reads from its environment."""

from typing import Annotated

from pydantic import Field, PositiveFloat

from fleetwright import Settings

Share = Annotated[float, Field(ge=0, le=1)]


class PaymentsSettings(Settings):
    """Settings of the payments service.

    Attributes:
        database_url: Where charges are kept, as a SQLAlchemy async URL.
        bank_seconds: Longest wait for one answer of the bank, in seconds.
        bank_seed: Which of the simulated banks this is; one seed, one behaviour.
        bank_slow_share: Share of the calls the bank takes its time for, 0 to 1.
        bank_slow_seconds: How long such a call takes, in seconds. Keep it small: a
            charge heard as an event holds the database's write lock meanwhile.
        bank_down_share: Share of the calls the bank does not answer, 0 to 1.
        bank_declined_share: Share of the orders the bank declines, 0 to 1.
    """

    database_url: str = "sqlite+aiosqlite:///payments.db"
    bank_seconds: PositiveFloat = 6.0
    bank_seed: int = 1
    bank_slow_share: Share = 0.02
    bank_slow_seconds: Annotated[float, Field(ge=0, le=5)] = 0.2
    bank_down_share: Share = 0.01
    bank_declined_share: Share = 0.02
