"""connect(url): the scheme picks the broker."""

from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple, cast

from fleetwright.errors import FleetwrightError
from fleetwright.events._broker import Broker
from fleetwright.events.brokers._embedded import EmbeddedBroker
from fleetwright.events.brokers._memory import memory_broker

__all__ = ["connect"]


class _Server(NamedTuple):
    """A kind of server: its client library, and our class that speaks to it."""

    client: str
    extra: str
    module: str
    name: str

    def broker(self, url: str) -> Broker:
        if find_spec(self.client) is None:
            raise FleetwrightError(
                f"the client of this broker is not installed: {self.client}",
                where="connect(url), from BROKER_URL as a rule",
                hint=f"add fleetwright[{self.extra}] to requirements.in and run "
                "fleet lock",
            )
        module = import_module(f"{__name__}.{self.module}")
        return cast(Broker, getattr(module, self.name)(url))


_RABBIT = _Server("aiormq", "rabbit", "_rabbit", "RabbitBroker")
_KAFKA = _Server("confluent_kafka", "kafka", "_kafka", "KafkaBroker")
_SERVERS = {"amqp": _RABBIT, "amqps": _RABBIT, "kafka": _KAFKA, "kafka+ssl": _KAFKA}


def connect(url: str) -> Broker:
    """Return the broker a URL names; it is connected when it is opened.

    Args:
        url: `embedded:///broker.db` for a file in the working directory,
            `embedded:////data/broker.db` for one anywhere on this machine,
            `memory://name` for one in this process, `amqp://name:password@host/vhost`
            (`amqps://` with TLS) for RabbitMQ, `kafka://host:9092` for Apache Kafka
            (`kafka+ssl://` with TLS, `user:password@` for SASL).

    Returns:
        The broker, a part of a service.

    Raises:
        FleetwrightError: The URL names no broker, or its client is not installed.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "memory":
        return memory_broker(rest)
    if scheme == "embedded" and len(rest) > 1 and rest.startswith("/"):
        return EmbeddedBroker(rest[1:])
    if scheme in _SERVERS:
        return _SERVERS[scheme].broker(url)
    raise FleetwrightError(
        f"{_without_password(url)!r} names no broker",
        where="connect(url), from BROKER_URL as a rule",
        hint="use embedded:///broker.db, embedded:////data/broker.db, memory://name, "
        "amqp://name:password@host/vhost or kafka://host:port",
    )


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    who, at, place = rest.rpartition("@")
    return f"{scheme}://{who.partition(':')[0]}:***@{place}" if at else url
