"""All rules over one environment's objects."""

from collections.abc import Iterator
from dataclasses import replace

from fleetwright_cli.deploy.kubernetes import _fleet_rules, _pod_rules
from fleetwright_cli.deploy.kubernetes._cluster import RULES, Cluster, Fault

# A module is asked to register its rules by being imported.
MODULES = (_fleet_rules, _pod_rules)


def faults(cluster: Cluster) -> Iterator[Fault]:
    """Yield what is wrong with the objects of an environment.

    Args:
        cluster: The objects.
    """
    for name, rule in RULES.items():
        for fault in rule(cluster):
            yield replace(fault, rule=name)
