"""Events: told with the change they tell of, heard once, in order per key.

Read it in this order: what an event is (`_event`), how it goes over the wire
(`_envelope`), how it leaves (`_publish`, `_outbox`), how it is heard (`_subscriptions`,
`_consumer`), and what carries it (`_broker`, `brokers`).
"""

from fleetwright.events._broker import Broker
from fleetwright.events._consumer import Consumer
from fleetwright.events._envelope import step_key
from fleetwright.events._event import Event
from fleetwright.events._outbox import Outbox
from fleetwright.events._publish import publish
from fleetwright.events._redelivery import Redelivery
from fleetwright.events._retention import Retention
from fleetwright.events._subscriptions import Subscriptions
from fleetwright.events.brokers import connect

__all__ = [
    "Broker",
    "Consumer",
    "Event",
    "Outbox",
    "Redelivery",
    "Retention",
    "Subscriptions",
    "connect",
    "publish",
    "step_key",
]
