"""A need that is not met: whose, of whom, and what was found."""

from dataclasses import dataclass

from fleetwright_contracts._findings import Finding


@dataclass(frozen=True, slots=True)
class Mismatch:
    """What a consumer needs and a provider does not promise.

    Attributes:
        consumer: The service that needs it.
        provider: The service that is to give it.
        declared: Where the consumer says so: `orders.clients:Catalog.quotes`.
        finding: What is wrong; its pointer leads into the provider's document unless
            it is in the old one, which is the consumer's.
    """

    consumer: str
    provider: str
    declared: str
    finding: Finding
