"""Which policies a pipeline may be made of, and in which order."""

import pytest

from fleetwright.errors import DeclarationError
from fleetwright.resilience import (
    Bulkhead,
    CircuitBreaker,
    Hedge,
    Pipeline,
    Policy,
    Retry,
    Throttle,
    Timeout,
)


def test_one_retry_stands_in_one_pipeline() -> None:
    """What a policy remembers is about one provider."""
    retry = Retry()
    Pipeline("one", Timeout(1), retry)

    with pytest.raises(DeclarationError, match="'one' and 'two'"):
        Pipeline("two", Timeout(1), retry)


@pytest.mark.parametrize(
    ("policies", "why"),
    [
        ([Retry(), Timeout(1)], "nothing limits the whole call"),
        ([Timeout(1), Retry(), Retry()], "multiply the sends"),
        ([Timeout(1), Timeout(1)], "either of the whole call or of one attempt"),
        ([Timeout(2), Retry(), Timeout(1), Timeout(1)], "cannot stand here"),
        ([Timeout(1), Retry(), Timeout(2)], "one attempt may take 2 s"),
        ([Timeout(1), Policy()], "knows no such policy"),
        ([Timeout(1), Retry(), Hedge()], "retries or hedges multiply"),
        ([Timeout(1), CircuitBreaker(), Retry()], "counts whole calls"),
        ([Timeout(1), Bulkhead(), Retry()], "held while waiting"),
        ([Timeout(1), Bulkhead(), CircuitBreaker()], "before standing in line"),
        ([Timeout(1), CircuitBreaker(), Throttle()], "must not have been counted"),
        ([Timeout(1), Retry(), Timeout(1), Bulkhead()], "time in line"),
        ([Timeout(1), CircuitBreaker(), CircuitBreaker()], "half of what happens"),
        ([Timeout(1), Bulkhead(), Bulkhead()], "half of what happens"),
    ],
)
def test_policies_in_another_order_are_refused(
    policies: list[Policy], why: str
) -> None:
    """The order is fixed; the error says what is wrong with another."""
    with pytest.raises(DeclarationError, match=why):
        Pipeline("it", *policies)


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_timeout_must_be_a_limit(seconds: float) -> None:
    """No limit is said in words, not by a number."""
    with pytest.raises(DeclarationError, match="is no limit"):
        Timeout(seconds)
