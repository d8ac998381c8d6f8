"""The one order policies stand in, and why another one is refused."""

from dataclasses import dataclass

from fleetwright.errors import DeclarationError
from fleetwright.resilience._breaker import CircuitBreaker
from fleetwright.resilience._bulkhead import Bulkhead
from fleetwright.resilience._hedge import Hedge
from fleetwright.resilience._policy import Policy
from fleetwright.resilience._retry import Retry
from fleetwright.resilience._throttle import Throttle
from fleetwright.resilience._timeout import Timeout

_ORDER = (
    "Timeout of the whole call, Retry or Hedge, Throttle, CircuitBreaker, Bulkhead,"
    " Timeout of one attempt"
)
_PLACES: dict[type[Policy], int] = {
    Retry: 1,
    Hedge: 1,
    Throttle: 2,
    CircuitBreaker: 3,
    Bulkhead: 4,
}
_TOTAL, _EACH = 0, 5


@dataclass(slots=True)
class Places:
    """The policies of a pipeline by their places, from the outside in.

    Attributes:
        total: The limit of the whole call.
        retry: Whether and when to send again.
        hedge: Or whether to send a second time before the first has failed.
        throttle: How much to keep back.
        breaker: Whether to send at all.
        bulkhead: How many attempts at a time.
        each: The limit of one attempt.
    """

    total: Timeout | None = None
    retry: Retry | None = None
    hedge: Hedge | None = None
    throttle: Throttle | None = None
    breaker: CircuitBreaker | None = None
    bulkhead: Bulkhead | None = None
    each: Timeout | None = None

    @property
    def attempt_seconds(self) -> float | None:
        """What one attempt is meant to have, in seconds; None for no limit.

        Without a limit of its own it has that of the whole call, less what it may have
        to wait for a place.
        """
        if self.each is not None:
            return self.each.seconds
        if self.total is None:
            return None
        waits = self.bulkhead.wait_seconds if self.bulkhead is not None else 0.0
        return max(self.total.seconds - waits, self.total.seconds / 2)


def arranged(name: str, policies: tuple[Policy, ...]) -> Places:
    """Return the policies by their places.

    Args:
        name: The name of the pipeline.
        policies: From the outside in.

    Returns:
        The places.

    Raises:
        DeclarationError: They do not fit together; the text says why.
    """
    places = Places()
    reached = -1
    for policy in policies:
        rank = _rank(policy, reached)
        if rank is None or rank <= reached:
            raise DeclarationError(
                f"{type(policy).__name__} cannot stand here: {_why(policy, reached)}",
                where=f"pipeline {name!r}",
                hint=f"use each once and in this order: {_ORDER}",
            )
        reached = rank
        match policy:
            case Timeout() if rank == _TOTAL:
                places.total = policy
            case Timeout():
                places.each = policy
            case Retry():
                places.retry = policy
            case Hedge():
                places.hedge = policy
            case Throttle():
                places.throttle = policy
            case CircuitBreaker():
                places.breaker = policy
            case Bulkhead():
                places.bulkhead = policy
    _check_limits(name, places)
    return places


def _rank(policy: Policy, reached: int) -> int | None:
    if isinstance(policy, Timeout):
        if reached == _TOTAL:
            return None  # with nothing in between both would limit the same
        return _TOTAL if reached < _TOTAL else _EACH
    for kind, rank in _PLACES.items():
        if isinstance(policy, kind):
            return rank
    return None


def _why(policy: Policy, reached: int) -> str:
    """Return the reason of the order, for a policy that comes too late or twice."""
    rank = _PLACES.get(type(policy))
    match policy:
        case Retry() | Hedge() if reached == rank:
            return "two layers of retries or hedges multiply the sends"
        case Retry() | Hedge() if reached == _PLACES[Bulkhead]:
            return "a place would be held while waiting for the next attempt"
        case Retry() | Hedge():
            return "what guards single attempts stands after it, or counts whole calls"
        case Timeout():
            return "a limit is either of the whole call or of one attempt"
        case _ if reached == rank:
            return "a second one would know half of what happens to the provider"
        case Throttle():
            return "what is kept back must not have been counted or have waited"
        case CircuitBreaker():
            return "an open circuit is seen before standing in line for a place"
        case Bulkhead():
            return "the time in line does not count as the provider's"
        case _:
            return "a pipeline knows no such policy"


def _check_limits(name: str, places: Places) -> None:
    total, each = places.total, places.each
    if total is None or each is None or each.seconds <= total.seconds:
        return
    raise DeclarationError(
        f"one attempt may take {each.seconds:g} s but the whole call only"
        f" {total.seconds:g} s",
        where=f"pipeline {name!r}",
        hint="make the last Timeout the smaller one",
    )
