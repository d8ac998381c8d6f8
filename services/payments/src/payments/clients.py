"""What payments asks of others: the bank, through a pipeline of its own."""

from fleetwright.resilience import Bulkhead, CircuitBreaker, Pipeline, Timeout
from payments.bank import Bank


class BankClient:
    """The bank behind a time limit, a circuit breaker and a bulkhead.

    While the bank is down nobody waits for it: after ten calls without an answer the
    next ones fail at once, and a single probe finds out that it is back. There is no
    retry here: an event that failed is delivered again, and over HTTP the caller asks
    again with the same key. Both wait without holding anything.
    """

    def __init__(self, bank: Bank, *, call_seconds: float) -> None:
        """Stand before a bank.

        Args:
            bank: The bank.
            call_seconds: Longest wait for one answer, in seconds.
        """
        self._bank = bank
        self._pipeline = Pipeline(
            "bank",
            Timeout(call_seconds),
            CircuitBreaker(
                failure_ratio=0.8, open_seconds=1.0, longest_open_seconds=10.0
            ),
            Bulkhead(16, waiting=8),
        )

    async def charge(self, key: str, reference: str) -> str | None:
        """Take the money of one order, once for every key.

        Args:
            key: Names the charge; a repetition is answered like the first.
            reference: The order's reference, which decides whether it is declined.

        Returns:
            None when the money was taken, else why it was declined.

        Raises:
            Unavailable: No answer, or nobody asks the bank just now; ask again.
        """
        return await self._pipeline.run(self._bank.charge, key, reference)

    async def refund(self, key: str) -> None:
        """Give money back, once for every key; the bank never declines that.

        Args:
            key: Names the refund; a repetition gives nothing more.

        Raises:
            Unavailable: No answer, or nobody asks the bank just now; ask again.
        """
        await self._pipeline.run(self._bank.refund, key)

    def facts(self) -> dict[str, object]:
        """Return what /info shows: the breaker's state and the calls under way."""
        return self._pipeline.facts()
