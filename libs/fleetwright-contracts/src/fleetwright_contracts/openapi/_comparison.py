"""Two documents of OpenAPI, compared operation by operation."""

from datetime import date
from typing import Any

from fleetwright_contracts._findings import Finding, Severity
from fleetwright_contracts._judgement import Court
from fleetwright_contracts.errors import ContractError
from fleetwright_contracts.openapi._bodies import compare_bodies
from fleetwright_contracts.openapi._description import Description, Operation
from fleetwright_contracts.openapi._facts import compare_facts
from fleetwright_contracts.openapi._order import (
    find_overtaken,
    is_still_answered,
    routes_of,
)
from fleetwright_contracts.openapi._parameters import compare_parameters
from fleetwright_contracts.openapi._responses import compare_responses
from fleetwright_contracts.openapi._routes import find_shadows, paired
from fleetwright_contracts.openapi._security import compare_security
from fleetwright_contracts.openapi._servers import compare_servers
from fleetwright_contracts.openapi._talk import Talk
from fleetwright_contracts.solver import MOST_STEPS

_ORDER = list(Severity)


def compare_openapi(
    old: Any, new: Any, *, today: date | None = None, steps: int = MOST_STEPS
) -> list[Finding]:
    """Return what a new description does to those who go by the old one.

    Args:
        old: The document that they go by.
        new: The document that is to take its place.
        today: The day by which `x-sunset` of a deprecated operation counts; None: it
            does not.
        steps: How much the comparison of two schemas may cost.

    Returns:
        Findings, the worst first; none where everything fits.

    Raises:
        Unreadable: A document is none of OpenAPI, or broken.
        Unsupported: It is of another version than 3.0 and 3.1.
    """
    court = Court(steps=steps)
    before, now = Description(court, old), Description(court, new)
    talk = Talk(court, before, now, before)
    _compare_all(talk, today)
    compare_facts(talk, Court(steps=steps))
    return sorted(talk.findings, key=lambda one: _ORDER.index(one.severity))


def _compare_all(talk: Talk, today: date | None) -> None:
    """Compare paths, then webhooks, in which we are the ones who ask."""
    old = talk.asks.operations(talk.asks.root, "paths")
    new = talk.answers.operations(talk.answers.root, "paths")
    for one, other in paired(old, new):
        part = talk.about(one.name)
        if other is None and is_still_answered(one, talk.answers.root.schema):
            message = "it is no longer described, and still answered"
            part.tell("operation-hidden", Severity.WARNING, message, one.place)
        elif other is None:
            _tell_removed(part, one, today)
        else:
            _compare(part, one, other)
            _compare_sent(part, one, other)
            _compare_sunset(part, one, other)
    compare_servers(talk)
    _compare_order(talk, old, new)
    hooks = talk.reversed
    _compare_asked(
        hooks,
        hooks.answers.operations(hooks.answers.root, "webhooks"),
        hooks.asks.operations(hooks.asks.root, "webhooks"),
    )


def _compare_order(talk: Talk, old: list[Operation], new: list[Operation]) -> None:
    """Find requests that another operation answers now."""
    before = routes_of(talk.asks.root.schema)
    now = routes_of(talk.answers.root.schema)
    if before is None or now is None:
        find_shadows(talk, old, new)
    else:
        find_overtaken(talk, old, (before, now))


def _tell_removed(talk: Talk, operation: Operation, today: date | None) -> None:
    """Say that an operation is gone; expected where its sunset is past."""
    sunset = operation.place.schema.get("x-sunset")
    is_past = today is not None and isinstance(sunset, str) and sunset <= str(today)
    expected = operation.is_deprecated and is_past
    talk.tell(
        "operation-removed",
        Severity.NOTE if expected else Severity.ERROR,
        "it is gone" + (f", as was said for {sunset}" if expected else ""),
        operation.place,
        mend="" if expected else "keep it, deprecated, until nobody asks for it",
    )


def _compare(talk: Talk, asked: Operation, answered: Operation) -> None:
    """Compare one operation; what cannot be read is told where it is."""
    for look in (
        compare_parameters,
        compare_bodies,
        compare_responses,
        compare_security,
    ):
        try:
            look(talk, asked, answered)
        except ContractError as error:
            talk.tell(
                "unreadable",
                Severity.UNKNOWN,
                error.reason,
                answered.place,
                mend=error.hint,
            )
    if answered.is_deprecated and not asked.is_deprecated:
        talk.tell("deprecated", Severity.NOTE, "it is deprecated now", answered.place)


def _compare_sunset(talk: Talk, old: Operation, new: Operation) -> None:
    """Say that the end that was announced is another: users made plans by it."""
    before, now = (one.place.schema.get("x-sunset") for one in (old, new))
    is_sooner = before is not None and now is not None and str(now) < str(before)
    if is_sooner or (before is not None and now is None and new.is_deprecated):
        talk.tell(
            "sunset-changed",
            Severity.WARNING,
            f"it was to end on {before}, and now "
            + (f"ends on {now}" if now is not None else "nobody knows when"),
            new.place,
            mend=f"keep `x-sunset: {before}`",
        )


def _compare_sent(talk: Talk, one: Operation, other: Operation) -> None:
    """Compare the callbacks of an operation, in which we are the ones who ask."""
    old = talk.asks.table(one.place, "callbacks")
    new = talk.answers.table(other.place, "callbacks")
    hooks = talk.reversed
    for name, before in old.items():
        now = new.get(name)
        _compare_asked(
            hooks,
            hooks.answers.operations(before),
            hooks.asks.operations(now),
            is_told=True,
        )


def _compare_asked(
    talk: Talk, old: list[Operation], new: list[Operation], *, is_told: bool = False
) -> None:
    """Compare operations that we ask of others, who go by the old document.

    Args:
        talk: The conversation.
        old: What was asked.
        new: What is.
        is_told: Whether their paths are expressions, whose names are no parameters.
    """
    for before, now in paired(old, new):
        if is_told and now is not None and now.path != before.path:
            now = None
        part = talk.about(f"webhook {before.name}")
        if now is None:
            message = "it is no longer called"
            part.tell("webhook-removed", Severity.ERROR, message, before.place)
        else:
            _compare(part, now, before)
