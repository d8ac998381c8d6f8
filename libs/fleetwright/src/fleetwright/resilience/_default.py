"""The guards of a client that says nothing else."""

from fleetwright.resilience._breaker import CircuitBreaker
from fleetwright.resilience._bulkhead import Bulkhead
from fleetwright.resilience._pipeline import Pipeline
from fleetwright.resilience._retry import Retry
from fleetwright.resilience._timeout import Timeout

_TOTAL_SECONDS = 2.0
_ATTEMPT_SECONDS = 1.0


def default_pipeline(provider: str) -> Pipeline:
    """Return the guards of a client that says nothing else.

    2 s for a call, three attempts of at most 1 s where a repeat is safe, a circuit
    breaker, 32 attempts at a time with 16 waiting.

    Args:
        provider: The name of the service that is called.

    Returns:
        A new pipeline.
    """
    return Pipeline(
        provider,
        Timeout(_TOTAL_SECONDS),
        Retry(),
        CircuitBreaker(),
        Bulkhead(32, waiting=16),
        Timeout(_ATTEMPT_SECONDS),
    )
