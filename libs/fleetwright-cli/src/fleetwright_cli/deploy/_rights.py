"""What each service may do on RabbitMQ, by its contract: a user each, no topic more.

The file is in the form of RabbitMQ's own definitions, without users: whoever runs the
broker makes those, with passwords that are in no tree.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from fleetwright_cli.deploy._facts import Facts, World

FILE = "deploy/rabbit/rights.json"
EXCHANGE = "fleet.events"
UNHEARD = "fleet.unheard"
# What a group has: its lanes, where dead letters are, who is counted, who may take.
_OWN = r"(\d+|dead|members|claim)"
_NOTHING = "^$"


def rights_files(world: World) -> dict[str, str]:
    """Return the file of rights, by its path below the root; none without RabbitMQ.

    Args:
        world: The fleet.
    """
    users = [one for one in world.facts.values() if one.has_events]
    if not users or world.manifest.deploy.broker != "rabbit":
        return {}
    return {FILE: json.dumps(rights(users), indent=2) + "\n"}


def rights(services: Iterable[Facts], vhost: str = "/") -> dict[str, Any]:
    """Return the rights of services, each as the user of its name.

    Args:
        services: Those that publish or hear.
        vhost: The virtual host of the fleet.
    """
    permissions, topics = [], []
    for one in services:
        who = {"user": one.name, "vhost": vhost}
        permissions.append(who | _permissions(one))
        topics += [who | said for said in _topics(one)]
    return {"permissions": permissions, "topic_permissions": topics}


def _permissions(facts: Facts) -> dict[str, str]:
    """Return which exchanges and queues a service may declare, fill and read."""
    shared = [re.escape(EXCHANGE), re.escape(UNHEARD)]
    own = [rf"{re.escape(facts.name)}\.{_OWN}"] if facts.hears else []
    kept = [_unheard(one) for one in facts.publishes]
    waiting = [_unheard(one) for one in facts.hears]
    made = _any([*shared, *own, *kept])
    # To bind a queue is to read the exchange, to declare one again is to configure it.
    return {
        "configure": made,
        "write": made,
        "read": _any([*shared, *own, *kept, *waiting]),
    }


def _topics(facts: Facts) -> list[dict[str, str]]:
    """Return which topics a service may publish and bind, by exchange."""
    sent = [re.escape(one) for one in facts.publishes]
    heard = [re.escape(one) for one in facts.hears]
    return [
        {
            "exchange": EXCHANGE,
            "write": _any(sent, r"\.\d+"),
            "read": _any(heard, r"\.\d+"),
        },
        # Where what it publishes waits for the first who hears it.
        {"exchange": UNHEARD, "write": _NOTHING, "read": _any(sent, r"\.\*")},
    ]


def _unheard(topic: str) -> str:
    return re.escape(f"{UNHEARD}.{topic}")


def _any(patterns: list[str], after: str = "") -> str:
    """Return what finds a whole name; nothing where there is none."""
    return f"^({'|'.join(patterns)}){after}$" if patterns else _NOTHING
