"""The bank, simulated: at times slow, at times down, at times it declines.

A real bank is asked over a network and keeps its own books. This one keeps none: all it
says follows from its seed and the call's key by `draw`, so the same key is answered the
same way for ever, and a call repeated after a crash takes no money twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b

from fleetwright.errors import Unavailable
from payments.settings import PaymentsSettings

DECLINED = "The bank declined the card."


class BankUnavailable(Unavailable):
    """The bank did not answer: nothing was moved, and the next try may pass."""


def draw(*words: object) -> float:
    """Return a number that only the words decide.

    Args:
        *words: What the number is for, for example a seed and a reference.

    Returns:
        A number, 0 <= number < 1, evenly spread over many words, also over words
        that differ in one letter.
    """
    # Not crc32: it is linear, so a call that failed once could never fail twice.
    words_digest = blake2b(":".join(map(str, words)).encode(), digest_size=4).digest()
    return int.from_bytes(words_digest, "big") / 2**32


@dataclass(frozen=True, slots=True)
class Manners:
    """How a simulated bank behaves.

    Attributes:
        seed: Which bank it is.
        slow_share: Share of the calls it takes its time for, 0 to 1.
        slow_seconds: How long such a call takes, in seconds.
        down_share: Share of the calls it does not answer, 0 to 1.
        declined_share: Share of the references it declines, 0 to 1.
    """

    seed: int = 1
    slow_share: float = 0.0
    slow_seconds: float = 0.0
    down_share: float = 0.0
    declined_share: float = 0.0

    def is_down(self, key: str, attempt: int) -> bool:
        """Return whether this attempt of the call `key` is not answered."""
        return draw(self.seed, "down", key, attempt) < self.down_share

    def is_slow(self, key: str, attempt: int) -> bool:
        """Return whether this attempt of the call `key` takes its time."""
        return draw(self.seed, "slow", key, attempt) < self.slow_share

    def declines(self, reference: str) -> bool:
        """Return whether charges of this reference are declined."""
        return draw(self.seed, reference) < self.declined_share


class Bank:
    """What payments asks of the bank; safe to call from several tasks.

    It remembers only how often it left a call unanswered, until it has answered it:
    bounded by the calls being retried, and lost without harm when the process dies.
    """

    def __init__(
        self,
        manners: Manners,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Open the bank.

        Args:
            manners: How it behaves.
            sleep: How it takes its time, given seconds.
        """
        self._manners = manners
        self._sleep = sleep
        self._unanswered: dict[str, int] = {}

    async def charge(self, key: str, reference: str) -> str | None:
        """Take the money of one order, once for every key.

        Args:
            key: Names the charge; a repetition is answered like the first.
            reference: The order's reference, which decides whether it is declined.

        Returns:
            None when the money was taken, else why it was declined.

        Raises:
            BankUnavailable: No answer; ask again.
        """
        await self._reached(key)
        return DECLINED if self._manners.declines(reference) else None

    async def refund(self, key: str) -> None:
        """Give money back, once for every key; the bank never declines that.

        Args:
            key: Names the refund; a repetition gives nothing more.

        Raises:
            BankUnavailable: No answer; ask again.
        """
        await self._reached(key)

    async def _reached(self, key: str) -> None:
        attempt = self._unanswered.get(key, 0)
        if self._manners.is_down(key, attempt):
            self._unanswered[key] = attempt + 1
            raise BankUnavailable(
                f"the bank did not answer the call {key}",
                reason="connect",
                provider="bank",
                retry_after_seconds=1.0,
                where="payments/bank.py",
                hint="it is asked again; set BANK_DOWN_SHARE=0 for a bank that is "
                "always there",
            )
        if self._manners.is_slow(key, attempt):
            await self._sleep(self._manners.slow_seconds)
        self._unanswered.pop(key, None)


def bank(settings: PaymentsSettings) -> Bank:
    """Return the bank the settings describe.

    Args:
        settings: The settings of payments.
    """
    return Bank(
        Manners(
            seed=settings.bank_seed,
            slow_share=settings.bank_slow_share,
            slow_seconds=settings.bank_slow_seconds,
            down_share=settings.bank_down_share,
            declined_share=settings.bank_declined_share,
        )
    )
