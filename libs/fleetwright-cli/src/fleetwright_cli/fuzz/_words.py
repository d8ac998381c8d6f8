"""What came of asking services, in words and as data."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from fleetwright_cli._printer import paint
from fleetwright_cli.fuzz._outcome import Fault, Outcome


def data_of(outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
    """Return what was found as JSON-ready values.

    Args:
        outcomes: One for each service.
        seed: What the requests follow from.
    """
    return {"seed": seed, "services": [asdict(one) for one in outcomes]}


def text_of(outcomes: Sequence[Outcome], seed: int) -> str:
    """Return what was found, for a person.

    Args:
        outcomes: One for each service.
        seed: What the requests follow from.
    """
    lines = [line for one in outcomes for line in _lines(one)]
    return "\n".join([*lines, f"seed {seed}: `--seed {seed}` asks the same again"])


def _lines(outcome: Outcome) -> Iterator[str]:
    """Yield the lines about one service."""
    if outcome.left_out:
        yield f"{outcome.service}: left out, {outcome.left_out}"
        return
    asked = f"{outcome.requests} requests, {len(outcome.checks)} checks"
    cut = ", the time was over" if outcome.stopped else ""
    count = len(outcome.faults)
    state = f"{count} fault{'s'[: count > 1]}" if count else "no fault"
    colour = "red" if count else "green"
    yield f"{outcome.service}: {asked}{cut}, {paint(state, colour)}"
    for fault in outcome.faults:
        yield from _fault_lines(fault)


def _fault_lines(fault: Fault) -> Iterator[str]:
    """Yield the lines about one fault."""
    yield f"  {fault.operation}: {fault.title} ({fault.check}, {fault.times} times)"
    message = [line for line in fault.message.splitlines() if line.strip()]
    answered = [f"the answer is {fault.status}"] if fault.status else []
    told = "\n".join([*answered, *message])
    yield from textwrap.indent(told, "    ").splitlines()
    yield f"    {fault.curl}"
