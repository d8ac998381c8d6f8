"""One reaction, run: with the event's context, a deadline of its own, a verdict."""

from random import Random
from typing import Final

from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import _crash, _spans
from fleetwright._clock import clock
from fleetwright._context import bind, new_call
from fleetwright._deadline import Deadline
from fleetwright._failures import unavailable
from fleetwright.errors import DeadlineExceeded, FleetwrightError, Unavailable
from fleetwright.events._envelope import Message, Undecodable, decode, hearing
from fleetwright.events._parking import State, Verdict
from fleetwright.events._redelivery import Redelivery
from fleetwright.events._subscriptions import Subscription
from fleetwright.events._tracing import heard

REACTION_SECONDS: Final = 10.0
QUICK_PAUSES_SECONDS: Final = (0.05, 0.2)


class TransactionEnded(FleetwrightError):  # noqa: N818 - what happened to it
    """A reaction committed or undid the transaction that records its delivery."""


async def react(
    subscription: Subscription, message: Message, transaction: AsyncSession, group: str
) -> None:
    """Run the reaction to a message within a transaction.

    Args:
        subscription: What is done.
        message: What was heard.
        transaction: What its effects belong to.
        group: Who hears; the service the reaction runs in.

    Raises:
        Undecodable: The message is not what the subscription declares.
        TransactionEnded: It committed the transaction, or undid it.
        Exception: What the reaction raised; `DeadlineExceeded` after ten seconds.
    """
    headers = message.headers
    call = new_call(
        group,
        id=headers.get("correlationid"),
        caller=headers.get("source", "").strip("/") or None,
        traceparent=headers.get("traceparent"),
    )
    if _spans.tracer is None:
        bound = bind(call)
    else:
        name, tracer = _name_of(subscription), _spans.tracer
        bound = heard(tracer, call, headers, group=group, by=name)
    with bound, hearing(message), Deadline.after(REACTION_SECONDS):
        event = decode(message, subscription.kind)
        _crash.point("consumer.before_effect")
        session = transaction.sync_session
        begun = session.get_transaction()
        await subscription.reaction(event, transaction)
        if session.new or session.dirty or session.deleted:
            await transaction.flush()
        if session.get_transaction() is not begun:
            raise ended(subscription)
    _crash.point("consumer.after_effect")


def ended(subscription: Subscription) -> TransactionEnded:
    """Return what is told of a reaction that commits or undoes its transaction.

    Args:
        subscription: Whose reaction it is.
    """
    return TransactionEnded(
        "the reaction ended its transaction",
        where=_name_of(subscription),
        hint="leave commit() and rollback() to the consumer; undo a part of the work"
        " with `async with transaction.begin_nested()`",
    )


def _name_of(subscription: Subscription) -> str:
    reaction = subscription.reaction
    return f"{reaction.__module__}.{reaction.__qualname__}"


def is_transient(error: Exception) -> bool:
    """Return whether a failure may be gone a moment later.

    Args:
        error: What the reaction raised.
    """
    if isinstance(error, DeadlineExceeded):
        return False
    if unavailable(error, "") is not None:
        return True
    return isinstance(error, Unavailable | OperationalError)


def verdict_on(
    error: Exception, attempts_made: int, redelivery: Redelivery, random: Random
) -> Verdict:
    """Decide what becomes of an event whose reaction failed.

    Args:
        error: What it raised.
        attempts_made: How often it was tried, this time included.
        redelivery: What was declared.
        random: Where the jitter comes from.

    Returns:
        When to try again, or that it is dead.
    """
    wait = None
    if not isinstance(error, Undecodable):
        wait = redelivery.wait_seconds(attempts_made, random)
    text = f"{type(error).__name__}: {error}"
    now = clock().now()
    if wait is not None:
        return Verdict(attempts_made, now + wait, text, State.RETRY)
    dead = State.DEAD if redelivery.on_dead == "block" else State.RELEASED
    return Verdict(attempts_made, now, text, dead)
