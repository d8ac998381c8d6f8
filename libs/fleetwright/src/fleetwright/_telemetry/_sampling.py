"""Which traces are recorded: decided where a trace begins, and by its id alone."""

from collections.abc import Callable

import structlog

from fleetwright._telemetry._environment import Environment

Sampler = Callable[[str, bool | None], bool]
"""Says whether a trace is recorded: of its id, and what its parent said, if any."""

_DEFAULT = "parentbased_always_on"
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")


def sampler_of(environment: Environment) -> Sampler:
    """Return the sampler that `OTEL_TRACES_SAMPLER` names.

    Args:
        environment: What the variables say.

    Returns:
        The sampler; `parentbased_always_on` where none is named or it is unknown.
    """
    named = environment.text("OTEL_TRACES_SAMPLER", _DEFAULT)
    root, follows = named.removeprefix("parentbased_"), named.startswith("parentbased_")
    if root == "traceidratio":
        ratio = environment.number("OTEL_TRACES_SAMPLER_ARG", 1.0)
        decide = by_ratio(min(ratio, 1.0))
    elif root in ("always_on", "always_off"):
        decide = _always(root == "always_on")
    else:
        _log.warning(
            "telemetry.misread", variable="OTEL_TRACES_SAMPLER", instead=_DEFAULT
        )
        decide, follows = _always(True), True
    return _following(decide) if follows else decide


def by_ratio(ratio: float) -> Sampler:
    """Return a sampler that takes a share of all traces, the same ones everywhere.

    Args:
        ratio: 0 for none, 1 for all.
    """
    bound = round(ratio * (1 << 64))  # as the SDKs draw it: they take the same traces
    if bound >> 64:
        return _always(True)
    digits = f"{bound:016x}"  # of one length, texts are in the order of their numbers

    def decide(trace_id: str, parent: bool | None) -> bool:
        return trace_id[16:] < digits

    return decide


def _always(answer: bool) -> Sampler:
    def decide(trace_id: str, parent: bool | None) -> bool:
        return answer

    return decide


def _following(root: Sampler) -> Sampler:
    def decide(trace_id: str, parent: bool | None) -> bool:
        return root(trace_id, None) if parent is None else parent

    return decide
