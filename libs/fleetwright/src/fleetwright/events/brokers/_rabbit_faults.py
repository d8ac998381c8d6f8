"""What is wrong with RabbitMQ, in words that can be mended."""

import os
import ssl

from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ConnectionNotAllowed,
    ProbableAuthenticationError,
)

from fleetwright.errors import FleetwrightError, Reason, Unavailable
from fleetwright.events.brokers._rabbit_address import Address


class Lost(Exception):  # noqa: N818 - what happened to the connection
    """The connection, or a channel of it, cannot be used any more."""


def told(error: BaseException | None) -> str:
    """Return what the server or the system said, in a line.

    Args:
        error: What was raised; None for a connection that just ended.
    """
    if error is None:
        return "the connection was closed"
    if isinstance(error, AMQPError) and error.args:
        return str(error.args[-1])  # the number before it says the same
    return str(error) or type(error).__name__


def fault_of(error: BaseException, address: Address) -> Unavailable:
    """Return what is told about a broker that cannot be used.

    Args:
        error: What came up.
        address: Where the broker is.
    """
    if isinstance(error, FleetwrightError):
        where = f"{address}\n{error.where}" if error.where else str(address)
        return _told(error.message, where, error.hint, "rejected")
    cause = error.__cause__ if isinstance(error, Lost) and error.__cause__ else error
    what, hint, reason = _words(cause, address)
    return _told(what, str(address), hint, reason)


def told_again(fault: Unavailable, what: str = "") -> Unavailable:
    """Return the same fault to be raised anew.

    Args:
        fault: What was found.
        what: Put before its message.
    """
    return _told(f"{what}{fault.message}", fault.where, fault.hint, fault.reason)


def _words(error: BaseException, address: Address) -> tuple[str, str, Reason]:
    if isinstance(error, ProbableAuthenticationError | AuthenticationError):
        what = "RabbitMQ refuses the name or the password"
        return what, "mend BROKER_URL, or `rabbitmqctl add_user`", "rejected"
    # A refused vhost comes as "expected Connection.OpenOk", without the server's words.
    if isinstance(error, ConnectionNotAllowed) or "Connection.OpenOk" in str(error):
        what = f"RabbitMQ lets {address.name} not into the vhost {address.vhost}"
        hint = "`rabbitmqctl add_vhost` and `set_permissions`, or mend BROKER_URL"
        return what, hint, "rejected"
    if isinstance(error, ssl.SSLError):
        what = f"the TLS of RabbitMQ is not to be trusted: {error.reason or error}"
        hint = "give the authority's certificate: amqps://...?cafile=/etc/ca.pem"
        return what, hint, "rejected"
    hint = "it is tried again; look at RabbitMQ if this goes on"
    if isinstance(error, TimeoutError):
        return "RabbitMQ did not answer in time", hint, "timeout"
    if isinstance(error, OSError) and error.errno and not isinstance(error, AMQPError):
        why = os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
        return f"RabbitMQ cannot be reached: {why}", hint, "connect"
    return f"RabbitMQ was lost: {told(error)}", hint, "connect"


def _told(
    message: str, where: str | None, hint: str | None, reason: Reason
) -> Unavailable:
    return Unavailable(
        message, reason=reason, provider="broker", where=where, hint=hint
    )
