"""connect(url): the scheme picks the broker."""

from fleetwright.errors import FleetwrightError
from fleetwright.events._broker import Broker
from fleetwright.events.brokers._embedded import EmbeddedBroker
from fleetwright.events.brokers._memory import memory_broker

__all__ = ["connect"]


def connect(url: str) -> Broker:
    """Return the broker a URL names; it is connected when it is opened.

    Args:
        url: `embedded:///broker.db` for a file in the working directory,
            `embedded:////data/broker.db` for one anywhere on this machine,
            `memory://name` for one in this process, `kafka://host:9092` for Apache
            Kafka (`kafka+ssl://` with TLS, `user:password@` for SASL).

    Returns:
        The broker, a part of a service.

    Raises:
        FleetwrightError: The URL names no broker.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "memory":
        return memory_broker(rest)
    if scheme == "embedded" and len(rest) > 1 and rest.startswith("/"):
        return EmbeddedBroker(rest[1:])
    if scheme in ("kafka", "kafka+ssl"):
        return _kafka(url)
    raise FleetwrightError(
        f"{url!r} names no broker",
        where="connect(url), from BROKER_URL as a rule",
        hint="use embedded:///broker.db, embedded:////data/broker.db or memory://name",
    )


def _kafka(url: str) -> Broker:
    try:
        from fleetwright.events.brokers._kafka import KafkaBroker
    except ModuleNotFoundError as error:
        raise FleetwrightError(
            f"the client of Kafka is not installed: {error}",
            where="connect(url), from BROKER_URL as a rule",
            hint="add fleetwright[kafka] to requirements.in and run fleet lock",
        ) from error
    return KafkaBroker(url)
