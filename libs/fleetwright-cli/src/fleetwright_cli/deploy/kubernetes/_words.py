"""What all objects of a fleet in a cluster have in common: labels, names, values."""

from typing import Any

from fleetwright_cli.deploy._facts import GRPC_PORT, HTTP_PORT, Facts
from fleetwright_cli.fleet import Manifest

Object = dict[str, Any]
NAME_LABEL = "app.kubernetes.io/name"
PART_LABEL = "app.kubernetes.io/part-of"
USER = 10001
SECRETS = "/run/secrets"
# From SIGTERM on calls still come until every node knows that a pod is going, and are
# answered; longer than clients of the runtime keep a connection idle (4 s).
LAME_DUCK_SECONDS = 5
# After the drain parts are closed, the last telemetry is sent: the runtime gives that
# so long before it ends by itself, and no pod is to be killed before.
CLOSING_SECONDS = 8
MARGIN_SECONDS = CLOSING_SECONDS + 2
# A variable of a consumer's Secret that only the cluster's scaler reads.
SCALER_SECRET = "BROKER_API_URL"  # noqa: S105 - its name
# What is reached outside of the cluster, by those whose pods have the label.
USES = ("database", "broker", "issuer")


def made(api: str, kind: str, name: str, **more: Any) -> Object:
    """Return an object of the cluster.

    Args:
        api: Its version, for example `apps/v1`.
        kind: What it is.
        name: What it is called.
        **more: Its other keys; `labels` go into its metadata.
    """
    metadata: Object = {"name": name}
    if "labels" in more:
        metadata["labels"] = more.pop("labels")
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **more}


def labels(manifest: Manifest, name: str) -> dict[str, str]:
    """Return the labels of what belongs to a service.

    Args:
        manifest: What fleet.toml says.
        name: The service's name.
    """
    return {NAME_LABEL: name, PART_LABEL: manifest.fleet.name}


def use_labels(facts: Facts) -> dict[str, str]:
    """Return the labels by which a pod may reach what is outside of the cluster.

    Args:
        facts: What is known of its service.
    """
    uses = {
        "database": facts.has_database,
        "broker": facts.has_events,
        "issuer": facts.verifies or bool(facts.calls),
    }
    return {f"fleet/{use}": "yes" for use in USES if uses[use]}


def config_name(facts: Facts) -> str:
    """Return what a service's ConfigMap is called, before its hash."""
    return f"{facts.name}-config"


def secret_name(facts: Facts) -> str:
    """Return what a service's Secret is called; whoever has the values makes it."""
    return f"{facts.name}-secrets"


def job_name(facts: Facts) -> str:
    """Return what the Job that migrates is called, before the tag of its image."""
    return f"{facts.name}-migrate"


def config_of(facts: Facts, manifest: Manifest, every: dict[str, Facts]) -> Object:
    """Return what a service is told in every environment.

    Args:
        facts: What is known of it.
        manifest: What fleet.toml says.
        every: The same of all services.
    """
    found = {"ENVIRONMENT": "production", "LAME_DUCK_SECONDS": str(LAME_DUCK_SECONDS)}
    for name in facts.calls:
        variable = name.upper().replace("-", "_")
        found[f"{variable}_URL"] = f"http://{name}:{HTTP_PORT}"
        if every[name].answers_grpc:
            found[f"{variable}_GRPC_URL"] = f"http://{name}-grpc:{GRPC_PORT}"
    callers = manifest.callers.get(facts.name)
    if callers is not None:
        found["AUTH_CALLERS"] = ",".join(callers)
    for variable in facts.secrets:
        found[f"{variable}_FILE"] = f"{SECRETS}/{facts.name}/{variable}"
    found |= manifest.deploy.of(facts.name).variables
    return dict(sorted(found.items()))


def added_config(facts: Facts, manifest: Manifest, environment: str) -> Object:
    """Return what a service is told in one environment beside that.

    Args:
        facts: What is known of it.
        manifest: What fleet.toml says.
        environment: Its name.
    """
    said = manifest.deploy.environments[environment].variables
    return {name: said[name] for name in sorted(said) if name in facts.settings}
