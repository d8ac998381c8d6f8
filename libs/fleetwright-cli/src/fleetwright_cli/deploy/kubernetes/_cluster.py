"""Objects as the rules look at them: found by kind, by name, by label."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleetwright_cli.deploy._facts import Facts
from fleetwright_cli.deploy.kubernetes._words import NAME_LABEL, Object

SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an object.

    Attributes:
        where: The object: `Deployment/orders`.
        what: What is wrong, in one line.
        rule: The name of the rule that found it.
    """

    where: str
    what: str
    rule: str = ""


@dataclass(frozen=True)
class Cluster:
    """The objects of one environment.

    Attributes:
        objects: All of them.
        facts: What is known of each service.
    """

    objects: list[Object]
    facts: Mapping[str, Facts]

    def of(self, *kinds: str) -> list[Object]:
        """Return the objects of some kinds.

        Args:
            *kinds: Which.
        """
        return [one for one in self.objects if one.get("kind") in kinds]

    def named(self, kind: str, name: str) -> Object | None:
        """Return an object; None when it is not there.

        Args:
            kind: What it is.
            name: What it is called.
        """
        return next((it for it in self.of(kind) if name_of(it) == name), None)

    @property
    def deployments(self) -> Iterator[tuple[Object, Facts]]:
        """The Deployments with what is known of their services."""
        for one in self.of("Deployment"):
            if name_of(one) in self.facts:
                yield one, self.facts[name_of(one)]

    @property
    def workloads(self) -> Iterator[tuple[Object, Facts]]:
        """Deployments and Jobs, with what is known of their services."""
        for one in self.of("Deployment", "Job"):
            facts = self.facts.get(container_of(one).get("name", ""))
            if facts is not None:
                yield one, facts

    def told(self, workload: Object) -> dict[str, str]:
        """Return what the pods of a workload are told.

        Args:
            workload: A Deployment or a Job.
        """
        container = container_of(workload)
        found: dict[str, str] = {}
        for source in container.get("envFrom", ()):
            name = source.get("configMapRef", {}).get("name", "")
            config = self.named("ConfigMap", name) or {}
            found |= config.get("data", {})
        for one in container.get("env", ()):
            found[one["name"]] = one.get("value", "")
        return found


Rule = Callable[[Cluster], Iterator[Fault]]
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Return what registers a rule.

    Args:
        name: What it asks for.
    """

    def register(found: Rule) -> Rule:
        RULES[name] = found
        return found

    return register


def at(value: Any, *keys: str) -> Any:
    """Return what is at a path of keys; an empty object where there is nothing.

    Args:
        value: Where to begin.
        *keys: The path.
    """
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return {} if value is None else value


def name_of(one: Object) -> str:
    """Return the name of an object.

    Args:
        one: The object.
    """
    return str(at(one, "metadata", "name") or "")


def place_of(one: Object) -> str:
    """Return how an object is called in a fault.

    Args:
        one: The object.
    """
    return f"{one.get('kind')}/{name_of(one)}"


def pod_of(workload: Object) -> Object:
    """Return the pod of a Deployment or a Job.

    Args:
        workload: Which.
    """
    found: Object = at(workload, "spec", "template", "spec")
    return found


def container_of(workload: Object) -> Object:
    """Return the only container of a Deployment or a Job.

    Args:
        workload: Which.
    """
    found = pod_of(workload).get("containers") or [{}]
    first: Object = found[0]
    return first


def pod_labels(workload: Object) -> dict[str, str]:
    """Return the labels of the pods of a Deployment or a Job.

    Args:
        workload: Which.
    """
    found: dict[str, str] = at(workload, "spec", "template", "metadata", "labels")
    return found


def selects(selector: Mapping[str, str], workload: Object) -> bool:
    """Return whether a selector picks the pods of a workload.

    Args:
        selector: Labels; none pick everything.
        workload: A Deployment or a Job.
    """
    return selector.items() <= pod_labels(workload).items()


def peer_of(peer: Object) -> str:
    """Return the service that one end of a policy names; empty for what is no service.

    Args:
        peer: The end.
    """
    return str(at(peer, "podSelector", "matchLabels", NAME_LABEL) or "")
