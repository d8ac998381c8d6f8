"""The pods of a service: unprivileged, read-only, told what they need by files."""

from fleetwright_cli.deploy._facts import GRPC_PORT, HTTP_PORT, Facts
from fleetwright_cli.deploy.kubernetes._words import (
    MARGIN_SECONDS,
    NAME_LABEL,
    SECRETS,
    USER,
    Object,
    config_name,
    config_of,
    job_name,
    labels,
    made,
    secret_name,
    use_labels,
)
from fleetwright_cli.fleet import Manifest

READ_BY_GROUP = 0o440
_TMP = "/tmp"  # noqa: S108 - of a pod, nobody else is there

_RIGHTS = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def deployment(facts: Facts, manifest: Manifest, every: dict[str, Facts]) -> Object:
    """Return the Deployment of a service; how many pods it has, its scaler says.

    Args:
        facts: What is known of it.
        manifest: What fleet.toml says.
        every: The same of all services.
    """
    own = labels(manifest, facts.name)
    config = config_of(facts, manifest, every)
    grace = MARGIN_SECONDS + facts.seconds("DRAIN_SECONDS", config)
    grace += facts.seconds("LAME_DUCK_SECONDS", config)
    pod = _pod(facts, manifest, _serving(facts))
    pod["containers"][0] |= _watched(facts)
    pod["terminationGracePeriodSeconds"] = round(grace)
    pod["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {NAME_LABEL: facts.name}},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    return made(
        "apps/v1",
        "Deployment",
        facts.name,
        labels=own,
        spec={
            "revisionHistoryLimit": 5,
            "progressDeadlineSeconds": 300,
            "selector": {"matchLabels": {NAME_LABEL: facts.name}},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "template": {
                "metadata": {"labels": own | use_labels(facts)},
                "spec": pod,
            },
        },
    )


def migration(facts: Facts, manifest: Manifest) -> Object:
    """Return the Job that brings a service's database up to date, before its pods.

    Args:
        facts: What is known of the service.
        manifest: What fleet.toml says.
    """
    # Not the service's own name: its Service must not send calls here.
    own = labels(manifest, job_name(facts))
    command = ["python3", "-m", "fleetwright.migrate", facts.service.app]
    pod = _pod(facts, manifest, command)
    pod["restartPolicy"] = "Never"
    return made(
        "batch/v1",
        "Job",
        job_name(facts),
        labels=own,
        spec={
            "backoffLimit": 2,
            "activeDeadlineSeconds": 600,
            "ttlSecondsAfterFinished": 86_400,
            "template": {
                "metadata": {"labels": own | use_labels(facts)},
                "spec": pod,
            },
        },
    )


def account(facts: Facts, manifest: Manifest) -> Object:
    """Return who the pods are to the cluster: somebody without a token.

    Args:
        facts: What is known of the service.
        manifest: What fleet.toml says.
    """
    return made(
        "v1",
        "ServiceAccount",
        facts.name,
        labels=labels(manifest, facts.name),
        automountServiceAccountToken=False,
    )


def _serving(facts: Facts) -> list[str]:
    """Return how a service is run where a Job has migrated its database."""
    return ["python3", "-m", "fleetwright.serve", facts.service.app]


def _pod(facts: Facts, manifest: Manifest, command: list[str]) -> Object:
    """Return a pod that runs a command of a service's image."""
    room = manifest.deploy.of(facts.name)
    mounts: list[Object] = [{"name": "tmp", "mountPath": _TMP}]
    volumes: list[Object] = [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}]
    if facts.secrets:
        place = f"{SECRETS}/{facts.name}"
        mounts.append({"name": "secrets", "mountPath": place, "readOnly": True})
        items = [{"key": one, "path": one} for one in facts.secrets]
        secret = {"secretName": secret_name(facts), "defaultMode": READ_BY_GROUP}
        volumes.append({"name": "secrets", "secret": secret | {"items": items}})
    container = {
        "name": facts.name,
        "image": facts.name,
        "command": command,
        "envFrom": [{"configMapRef": {"name": config_name(facts)}}],
        "resources": {
            "requests": {"cpu": room.cpu, "memory": room.memory},
            # No limit of CPU: what nobody else needs may be used.
            "limits": {"memory": room.memory},
        },
        "securityContext": dict(_RIGHTS),
        "volumeMounts": mounts,
    }
    return {
        "serviceAccountName": facts.name,
        "automountServiceAccountToken": False,
        # The cluster would set PORT-like variables for each Service otherwise.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }


def _watched(facts: Facts) -> Object:
    """Return the ports of a container and its probes."""
    ports = [{"name": "http", "containerPort": HTTP_PORT}]
    if facts.answers_grpc:
        ports.append({"name": "grpc", "containerPort": GRPC_PORT})
    return {
        "ports": ports,
        "startupProbe": _probe("/livez", every=1, failures=60),
        "livenessProbe": _probe("/livez", every=10, failures=3),
        "readinessProbe": _probe("/readyz", every=2, failures=2),
    }


def _probe(path: str, *, every: int, failures: int) -> Object:
    """Return how a pod is asked."""
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": every,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }
