"""Why pods do not come: what the cluster says of them, in a few lines."""

from collections.abc import Iterator

from fleetwright_cli.deploy.kubernetes._cluster import at
from fleetwright_cli.deploy.kubernetes._kubectl import Kubectl, RefusedError
from fleetwright_cli.deploy.kubernetes._words import NAME_LABEL, Object

_MOST = 5


def troubles(kubectl: Kubectl, name: str) -> list[str]:
    """Return what keeps the pods of a service from being ready, as far as is known.

    Args:
        kubectl: How the cluster is spoken to.
        name: The service's name.
    """
    try:
        words = ("--selector", f"{NAME_LABEL}={name}")
        found = kubectl.document("get", "deployments,pods", *words)
    except RefusedError:
        return []  # who may not look is told no more
    said = [line for one in at(found, "items") or () for line in _said_of(one)]
    return list(dict.fromkeys(said))[:_MOST]


def _said_of(one: Object) -> Iterator[str]:
    """Yield what is wrong with a Deployment or a pod."""
    status = at(one, "status")
    for condition in status.get("conditions") or ():
        refused = (condition["type"], condition["status"]) == ("ReplicaFailure", "True")
        homeless = (condition["type"], condition["status"]) == ("PodScheduled", "False")
        if refused or homeless:
            yield f"{condition.get('reason', '')}: {condition.get('message', '')}"
    for container in status.get("containerStatuses") or ():
        waiting = at(container, "state", "waiting")
        if waiting:
            why = waiting.get("message") or "no more is said"
            yield f"{waiting.get('reason', 'waiting')}: {why}"
