"""Policy: one rule of a pipeline, and the few words a rule may answer in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from fleetwright.errors import DeclarationError, Unavailable

StoppedBy = Literal[
    "attempts",
    "deadline",
    "budget",
    "pushback",
    "not_idempotent",
    "failure",
    "rejected",
]
Outcome = Literal["ok", "failed", "neutral"]


class Verdict(NamedTuple):
    """What the end of an attempt says about the provider.

    Attributes:
        outcome: For a breaker: `neutral` is not counted.
        accepted: For a throttle: whether the provider took the attempt on; None where
            nobody knows.
    """

    outcome: Outcome
    accepted: bool | None


ANSWERED: Final = Verdict("ok", True)
NOTHING_LEARNT: Final = Verdict("neutral", None)


class Policy:
    """One rule of a pipeline.

    A policy decides and never waits: the pipeline sleeps, calls and cuts. It belongs to
    one pipeline, so that what it remembers is about one provider.
    """

    __slots__ = ("_listener", "_owner")

    def __init__(self) -> None:
        """Start without an owner."""
        self._owner: str | None = None
        self._listener: Callable[[Any], None] | None = None

    def claim(
        self, pipeline: str, listener: Callable[[Any], None] | None = None
    ) -> None:
        """Make the policy part of a pipeline.

        Args:
            pipeline: The name of the pipeline.
            listener: Told what the policies of the pipeline do.

        Raises:
            DeclarationError: It is already part of one.
        """
        if self._owner is not None:
            kind = type(self).__name__
            raise DeclarationError(
                f"one {kind} object stands in two places",
                where=f"pipelines {self._owner!r} and {pipeline!r}",
                hint=f"write {kind}(...) once for each place; only a RetryBudget is"
                " shared",
            )
        self._owner = pipeline
        self._listener = listener


@dataclass(slots=True)
class Attempt:
    """One send of a call, and what it learnt beyond its error.

    Attributes:
        number: 1 for the first send of the call.
        not_processed: The provider said that it did nothing with the request.
        pushback: The provider asked not to be called again.
        failed_before: Why the attempt before it brought no answer that counts.
        rejected: One of our own policies refused it, so that nothing was sent.
        cut: The limit that cut it; None for none.
        status: The HTTP status of the answer, 0 while there is none.
    """

    number: int
    not_processed: bool = False
    pushback: bool = False
    failed_before: Unavailable | None = None
    rejected: bool = False
    cut: Literal["attempt", "total"] | None = None
    status: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that brought no answer that counts.

    Attributes:
        error: What was raised.
        attempt: Which send it was, and what the provider said about it.
        repeatable: Whether sending twice does no more than sending once.
        left_seconds: What is left for the whole call; None when it is unbounded.
    """

    error: Unavailable
    attempt: Attempt
    repeatable: bool
    left_seconds: float | None


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Send again.

    Attributes:
        after_seconds: How long to wait before.
    """

    after_seconds: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Give the last failure to the caller.

    Attributes:
        by: What ended the call.
    """

    by: StoppedBy


@dataclass(frozen=True, slots=True)
class Rejection:
    """Send nothing: the attempt is refused before it is made.

    Attributes:
        by: The policy that refuses: breaker, bulkhead or throttle.
        why: What is the matter, as the end of a sentence that begins with the provider.
        after_seconds: When asking again makes sense; None when nobody knows.
    """

    by: Literal["breaker", "bulkhead", "throttle"]
    why: str
    after_seconds: float | None = None
