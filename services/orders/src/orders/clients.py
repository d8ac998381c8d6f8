"""What orders needs from other services."""

from typing import Annotated, Protocol

from pydantic import BaseModel, Field, StringConstraints

from fleetwright.rest import post

Sku = Annotated[str, StringConstraints(pattern="^[0-9]{5}[A-Za-z]{0,2}$")]


class WantedQuotes(BaseModel):
    """What orders sends to learn prices.

    Attributes:
        skus: Stock codes, each once; as many as an order may have lines.
    """

    skus: list[Sku] = Field(min_length=1, max_length=2000)


class Quote(BaseModel):
    """The fields of a quote that orders reads, and no others."""

    sku: str
    name: str
    price_pence: int


class Quotes(BaseModel):
    """The prices of what is sold; a code without a quote is not sold."""

    quotes: list[Quote]


class Catalog(Protocol):
    """The part of the catalog API that orders depends on."""

    @post("/v1/quotes", idempotent=True)
    async def quotes(self, wanted: WantedQuotes) -> Quotes:
        """Return the price of one unit of every product that is sold."""
        ...
