"""Who reaches a service and how many pods answer: Services, policies, scalers."""

from fleetwright_cli.deploy._facts import GRPC_PORT, HTTP_PORT, Facts
from fleetwright_cli.deploy.kubernetes._words import (
    NAME_LABEL,
    SCALER_SECRET,
    Object,
    labels,
    made,
    secret_name,
)
from fleetwright_cli.fleet import Manifest

LANES = 16  # more pods than lanes of its queue have nothing to hear
CPU_PERCENT = 70
WAITING_PER_POD = 200
_POLICY = "networking.k8s.io/v1"
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def services(facts: Facts, manifest: Manifest) -> list[Object]:
    """Return the addresses of a service: one for HTTP, one for gRPC.

    Who hears events alone has none: nobody calls it.

    Args:
        facts: What is known of it.
        manifest: What fleet.toml says.
    """
    if facts.is_consumer:
        return []
    own = labels(manifest, facts.name)
    selector = {NAME_LABEL: facts.name}
    ports = [{"name": "http", "port": HTTP_PORT, "targetPort": "http"}]
    spec: Object = {"selector": selector, "ports": ports}
    found = [made("v1", "Service", facts.name, labels=own, spec=spec)]
    if facts.answers_grpc:
        # Without an address of its own: a client sees every pod, and takes turns.
        ports = [{"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc"}]
        spec = {"clusterIP": "None", "selector": selector, "ports": ports}
        found.append(made("v1", "Service", f"{facts.name}-grpc", labels=own, spec=spec))
    return found


def scaling(facts: Facts, manifest: Manifest) -> list[Object]:
    """Return what says how many pods there are: by events waiting, or by CPU.

    Args:
        facts: What is known of the service.
        manifest: What fleet.toml says.
    """
    own = labels(manifest, facts.name)
    room = manifest.deploy.of(facts.name)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": facts.name}
    if facts.is_consumer:
        return _by_events(facts, manifest, target)
    metric = {"type": "Utilization", "averageUtilization": CPU_PERCENT}
    spec = {
        "scaleTargetRef": target,
        "minReplicas": room.least,
        "maxReplicas": max(room.least, room.most),
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": metric}}
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
    }
    kind = "HorizontalPodAutoscaler"
    return [made("autoscaling/v2", kind, facts.name, labels=own, spec=spec)]


def disruption(facts: Facts, manifest: Manifest) -> Object:
    """Return how many pods may be taken away at a time.

    Args:
        facts: What is known of the service.
        manifest: What fleet.toml says.
    """
    selector = {"matchLabels": {NAME_LABEL: facts.name}}
    spec = {"maxUnavailable": 1, "selector": selector}
    own = labels(manifest, facts.name)
    return made("policy/v1", "PodDisruptionBudget", facts.name, labels=own, spec=spec)


def policy(facts: Facts, manifest: Manifest, every: dict[str, Facts]) -> Object:
    """Return who may call a service and whom it may call: the declared graph.

    Args:
        facts: What is known of it.
        manifest: What fleet.toml says.
        every: The same of all services.
    """
    ingress: list[Object] = []
    if facts.callers:
        peers = [_pods(name) for name in facts.callers]
        ingress.append({"from": peers, "ports": _ports(facts)})
    if facts.is_entrance:
        namespace = {_NAMESPACE_LABEL: manifest.deploy.entrance_namespace}
        peer = {"namespaceSelector": {"matchLabels": namespace}}
        http = [{"protocol": "TCP", "port": HTTP_PORT}]
        ingress.append({"from": [peer], "ports": http})
    egress = [
        {"to": [_pods(name)], "ports": _ports(every[name])} for name in facts.calls
    ]
    spec = {
        "podSelector": {"matchLabels": {NAME_LABEL: facts.name}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress,
        "egress": egress,
    }
    own = labels(manifest, facts.name)
    return made(_POLICY, "NetworkPolicy", facts.name, labels=own, spec=spec)


def deny_all() -> list[Object]:
    """Return what holds for every pod: nothing is allowed, but to look up names."""
    both = ["Ingress", "Egress"]
    deny = {"podSelector": {}, "policyTypes": both}
    peer = {
        "namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    ports = [{"protocol": one, "port": 53} for one in ("UDP", "TCP")]
    names = {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{"to": [peer], "ports": ports}],
    }
    return [
        made(_POLICY, "NetworkPolicy", "deny-all", spec=deny),
        made(_POLICY, "NetworkPolicy", "reach-names", spec=names),
    ]


def reach(use: str, place: str) -> Object:
    """Return what lets the pods with a use reach a place outside of the cluster.

    Args:
        use: For example `database`.
        place: A network and a port: `10.20.0.0/24#5432`.
    """
    network, _, port = place.rpartition("#")
    to = [{"ipBlock": {"cidr": network}}]
    spec = {
        "podSelector": {"matchLabels": {f"fleet/{use}": "yes"}},
        "policyTypes": ["Egress"],
        "egress": [{"to": to, "ports": [{"protocol": "TCP", "port": int(port)}]}],
    }
    return made(_POLICY, "NetworkPolicy", f"reach-{use}", spec=spec)


def _by_events(facts: Facts, manifest: Manifest, target: Object) -> list[Object]:
    """Return the scaler of a consumer, and what it may look with."""
    own = labels(manifest, facts.name)
    room = manifest.deploy.of(facts.name)
    spec: Object = {
        "scaleTargetRef": target,
        "minReplicaCount": room.least,
        "maxReplicaCount": min(LANES, max(room.least, room.most)),
    }
    scaler = made("keda.sh/v1alpha1", "ScaledObject", facts.name, labels=own, spec=spec)
    waiting = str(WAITING_PER_POD)
    if manifest.deploy.broker == "kafka":
        servers = manifest.deploy.kafka_servers
        asked = {"bootstrapServers": servers, "consumerGroup": facts.name}
        metadata = asked | {"lagThreshold": waiting}
        spec["triggers"] = [{"type": "kafka", "metadata": metadata}]
        return [scaler]
    metadata = {
        "protocol": "http",
        "mode": "QueueLength",
        "value": waiting,
        "queueName": rf"^{facts.name}\.\d+$",
        "useRegex": "true",
        "operation": "sum",
    }
    reference = {"authenticationRef": {"name": facts.name}}
    spec["triggers"] = [{"type": "rabbitmq", "metadata": metadata} | reference]
    key = {"parameter": "host", "name": secret_name(facts), "key": SCALER_SECRET}
    kind = "TriggerAuthentication"
    looks = {"secretTargetRef": [key]}
    return [made("keda.sh/v1alpha1", kind, facts.name, labels=own, spec=looks), scaler]


def _pods(name: str) -> Object:
    """Return the pods of a service, as one end of a call."""
    return {"podSelector": {"matchLabels": {NAME_LABEL: name}}}


def _ports(facts: Facts) -> list[Object]:
    """Return the ports where a service answers."""
    ports = [HTTP_PORT, GRPC_PORT] if facts.answers_grpc else [HTTP_PORT]
    return [{"protocol": "TCP", "port": port} for port in ports]
