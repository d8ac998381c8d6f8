"""The fault plan: which calls are delayed, failed or dropped while it is switched on.

`plan` is None unless faults are switched on; whoever makes or answers calls looks:

    if _faults.plan is not None:
        await _faults.plan.strike(provider)
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Annotated, Final, Literal, Self

import structlog
from opentelemetry import metrics, trace
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from fleetwright._clock import clock
from fleetwright._context import Call, current_call
from fleetwright._problem import Problem
from fleetwright.errors import Unavailable

Side = Literal["caller", "provider"]
Drop = Literal["reset", "refused", "silence"]
Kind = Literal["delay", "error", "reset", "refused", "silence"]

ANYONE: Final = "*"
_NAME = r"(\*|[a-z][a-z0-9.-]{0,62})"
_EDGE = re.compile(f"{_NAME}->{_NAME}")
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")
_struck = metrics.get_meter("fleetwright").create_counter(
    "fleetwright.faults.struck",
    unit="{fault}",
    description="Faults that were injected, by provider, kind and side.",
)


class Fault(BaseModel):
    """What is done to a share of the calls over one edge.

    Attributes:
        id: What it is called, for logs and for taking it away.
        edge: `caller->provider`; `*` stands for anyone.
        at: Who does it: the `caller` before it sends each attempt, or the `provider`
            to every call that comes in, also from outside of the fleet.
        delay_seconds: How much later the call goes on, or its error comes.
        error: Status it is answered with, 429 or 500 to 599.
        drop: `reset` (the connection is lost after sending), `refused` (nobody listens)
            or `silence` (no answer until the time of the call is over).
        share: Share of the calls it strikes, more than 0, at most 1.
        ends_at: When it is over; None for until it is taken away.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    edge: str
    at: Side = "caller"
    delay_seconds: Annotated[float, Field(ge=0, le=600)] = 0.0
    error: Annotated[int, Field(ge=429, le=599)] | None = None
    drop: Drop | None = None
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    ends_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not _EDGE.fullmatch(self.edge):
            raise ValueError("edge is not written caller->provider, as orders->catalog")
        if self.error is not None and 429 < self.error < 500:
            raise ValueError("error is neither 429 nor 500 to 599")
        if self.error is not None and self.drop is not None:
            raise ValueError("a call is either answered with an error or dropped")
        if not (self.delay_seconds or self.error or self.drop):
            raise ValueError("it does nothing: give delay_seconds, error or drop")
        if self.at == "provider" and self.drop not in {None, "silence"}:
            raise ValueError("a provider can only drop by silence")
        return self

    @property
    def kind(self) -> Kind:
        """What it does in the end: `delay`, `error` or the way of the drop."""
        return self.drop or ("error" if self.error else "delay")


class FaultList(BaseModel):
    """The faults that are switched on, as they are written down.

    Attributes:
        seed: What the draws are made from; the same seed strikes the same calls.
        faults: In the order in which they strike; the first error or drop ends a call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class _Draw:
    """One fault at work: its chance, and how often it has struck."""

    fault: Fault
    caller: str
    provider: str
    random: Random
    ends_at: float
    struck: int = 0

    def hits(self, caller: str, provider: str, at: Side) -> bool:
        """Return whether it strikes this call; draws once for each call it is about."""
        return (
            self.fault.at == at
            and self.caller in (ANYONE, caller)
            and self.provider in (ANYONE, provider)
            and clock().now() < self.ends_at
            and self.random.random() < self.fault.share
        )


class Plan:
    """The faults of this process at work. Safe to use from tasks of several loops.

    The draws of each fault come from the seed, its id and the service, so that a run
    with the same calls in the same order strikes the same ones.
    """

    def __init__(
        self, wanted: FaultList, service: str = "", before: "Plan | None" = None
    ) -> None:
        """Begin to strike.

        Args:
            wanted: The faults.
            service: Who calls where no call is being answered.
            before: The plan this one replaces; faults that stay keep count and chance.
        """
        self.seed = wanted.seed
        self.service = service
        kept = {}
        if before is not None and before.seed == wanted.seed:
            kept = {draw.fault: draw for draw in before._draws}
        self._draws: list[_Draw] = [
            kept.get(fault) or _drawn_from(wanted.seed, service, fault)
            for fault in wanted.faults
        ]

    async def strike(self, provider: str) -> None:
        """Do to one attempt of a call out what the plan says.

        Args:
            provider: Who is about to be called.

        Raises:
            Unavailable: It failed as if the provider or the network had.
        """
        call = current_call()
        caller = self.service if call is None else call.service
        for fault in self._hitting(caller, provider, "caller"):
            await clock().sleep(fault.delay_seconds)
            if fault.kind == "silence":
                await _nothing()
            if fault.kind != "delay":
                raise _failure(fault, provider)

    async def strike_arrival(self, call: Call) -> None:
        """Do to a call that came in what the plan says.

        Args:
            call: The call; its deadline ends a silence.

        Raises:
            Problem: It is answered with an error.
        """
        caller = call.caller or ""
        for fault in self._hitting(caller, call.service, "provider"):
            await clock().sleep(fault.delay_seconds)
            if fault.kind == "silence":
                await _nothing()
            if fault.error is not None:
                raise Problem(
                    fault.error,
                    "Injected fault",
                    detail=f"fault {fault.id} is switched on for {fault.edge}",
                    headers={"Fleet-Fault": fault.id},
                    kind="fault_injected",
                )

    def _hitting(self, caller: str, provider: str, at: Side) -> Iterable[Fault]:
        """Yield the faults that strike a call, each counted and logged."""
        for draw in self._draws:
            if not draw.hits(caller, provider, at):
                continue
            draw.struck += 1
            fault = draw.fault
            facts = {"provider": provider, "kind": fault.kind, "at": at}
            _struck.add(1, facts)
            trace.get_current_span().add_event("fault.struck", {"fault": fault.id})
            _log.debug("fault.struck", fault=fault.id, caller=caller, **facts)
            yield fault

    def is_over(self) -> bool:
        """Return whether every fault has ended by itself."""
        now = clock().now()
        return all(now >= draw.ends_at for draw in self._draws)

    def struck(self) -> dict[str, int]:
        """Return how often each fault has struck in this process, by id."""
        return {draw.fault.id: draw.struck for draw in self._draws}


plan: Plan | None = None


def use_plan(replacement: Plan | None) -> Plan | None:
    """Make a plan that of this process.

    Args:
        replacement: The plan; None switches all faults off.

    Returns:
        The plan before.
    """
    global plan
    before, plan = plan, replacement
    return before


def _drawn_from(seed: int, service: str, fault: Fault) -> _Draw:
    caller, _, provider = fault.edge.partition("->")
    random = Random(f"{seed}/{service}/{fault.id}")  # noqa: S311 - to be repeated
    ends = fault.ends_at
    ends_at = float("inf") if ends is None else ends.astimezone(UTC).timestamp()
    return _Draw(fault, caller, provider, random, ends_at)


async def _nothing() -> None:
    """Wait until whoever waits for an answer gives up."""
    await asyncio.get_running_loop().create_future()


def _failure(fault: Fault, provider: str) -> Unavailable:
    """Return the failure the caller sees, told apart from a real one by its text."""
    by = f"(injected by fault {fault.id})"
    if fault.error is not None:
        return Unavailable(
            f"{provider} answered {fault.error} {by}",
            reason="status",
            status=fault.error,
            provider=provider,
        )
    if fault.kind == "refused":
        return Unavailable(
            f"cannot connect to {provider} {by}", reason="connect", provider=provider
        )
    return Unavailable(
        f"connection to {provider} lost {by}", reason="reset", provider=provider
    )


def ends_after(seconds: float | None) -> datetime | None:
    """Return when a fault that lasts some seconds from now is over.

    Args:
        seconds: How long; None for until it is taken away.

    Returns:
        The moment in UTC.
    """
    if seconds is None:
        return None
    return datetime.fromtimestamp(clock().now() + seconds, UTC)
