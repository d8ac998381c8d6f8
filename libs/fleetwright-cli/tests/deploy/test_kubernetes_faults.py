"""Fifty ways to break the objects of a fleet, each seen by the rule it breaks."""

from collections.abc import Callable

import pytest

from fleetwright_cli.deploy.kubernetes._cluster import (
    RULES,
    Cluster,
    container_of,
    pod_of,
)
from fleetwright_cli.deploy.kubernetes._rules import faults
from fleetwright_cli.deploy.kubernetes._words import Object

Break = Callable[[Cluster], object]


def got(cluster: Cluster, kind: str, name: str) -> Object:
    """Return an object that is there."""
    found = cluster.named(kind, name)
    assert found is not None
    return found


def orders(cluster: Cluster) -> Object:
    """Return the Deployment of orders."""
    return got(cluster, "Deployment", "orders")


def told(cluster: Cluster) -> dict[str, str]:
    """Return what orders is told, to be changed."""
    name = container_of(orders(cluster))["envFrom"][0]["configMapRef"]["name"]
    found: dict[str, str] = got(cluster, "ConfigMap", name)["data"]
    return found


def gone(cluster: Cluster, kind: str, name: str) -> None:
    """Take an object away."""
    cluster.objects.remove(got(cluster, kind, name))


def job(cluster: Cluster) -> Object:
    """Return the Job of orders."""
    return next(
        one for one in cluster.of("Job") if container_of(one)["name"] == "orders"
    )


def rules(cluster: Cluster, name: str = "orders") -> list[Object]:
    """Return what a policy lets in."""
    found: list[Object] = got(cluster, "NetworkPolicy", name)["spec"]["ingress"]
    return found


BREAKS: dict[str, list[Break]] = {
    "each service has a Deployment": [lambda c: gone(c, "Deployment", "orders")],
    "probes ask the service where it answers": [
        lambda c: container_of(orders(c)).pop("startupProbe"),
        lambda c: container_of(orders(c))["livenessProbe"]["httpGet"].update(
            path="/up"
        ),
        lambda c: container_of(orders(c))["livenessProbe"]["httpGet"].update(
            path="/readyz"
        ),
        lambda c: container_of(orders(c))["readinessProbe"]["httpGet"].update(port="x"),
    ],
    "the grace covers the pause, the drain and a margin": [
        lambda c: pod_of(orders(c)).update(terminationGracePeriodSeconds=15),
        lambda c: pod_of(orders(c)).update(terminationGracePeriodSeconds=20),
        lambda c: told(c).update(DRAIN_SECONDS="60"),
        lambda c: told(c).update(LAME_DUCK_SECONDS="30"),
    ],
    "a pod takes calls until every node knows that it stops": [
        lambda c: told(c).update(LAME_DUCK_SECONDS="0"),
        lambda c: told(c).pop("LAME_DUCK_SECONDS"),
    ],
    "the environment covers the settings": [lambda c: told(c).pop("AUTH_ISSUER")],
    "what is told is read": [lambda c: told(c).update(QUOTE_SECOND="1")],
    "ConfigMaps are there, and are used": [
        lambda c: container_of(orders(c))["envFrom"][0]["configMapRef"].update(name="x")
    ],
    "secrets are references to what others keep": [
        lambda c: told(c).update(TOKEN_CLIENT_SECRET="hunter2"),
        lambda c: told(c).update(DATABASE_URL="postgresql://a:b@db/orders"),
        lambda c: c.objects.append(
            {"kind": "Secret", "metadata": {"name": "x"}, "stringData": {"A": "b"}}
        ),
    ],
    "files of secrets are mounted": [
        lambda c: pod_of(orders(c))["volumes"][1]["secret"]["items"].pop()
    ],
    "each service is somebody of its own, without a token": [
        lambda c: pod_of(orders(c)).update(serviceAccountName="default"),
        lambda c: pod_of(orders(c)).pop("automountServiceAccountToken"),
    ],
    "pods are restricted": [
        lambda c: pod_of(orders(c))["securityContext"].update(runAsUser=0),
        lambda c: container_of(orders(c))["securityContext"].pop("capabilities"),
        lambda c: container_of(orders(c))["securityContext"].update(
            readOnlyRootFilesystem=False
        ),
        lambda c: pod_of(orders(c)).update(hostNetwork=True),
    ],
    "memory is limited, CPU is not": [
        lambda c: container_of(orders(c))["resources"].pop("limits"),
        lambda c: container_of(orders(c))["resources"]["limits"].update(cpu="1"),
    ],
    "variables of Services are not injected": [
        lambda c: pod_of(orders(c)).pop("enableServiceLinks")
    ],
    "pods are spread over nodes": [
        lambda c: pod_of(orders(c)).pop("topologySpreadConstraints")
    ],
    "names are free and fit": [
        lambda c: c.objects.append(orders(c)),
        lambda c: orders(c)["metadata"].update(name="Orders_1"),
    ],
    "all is in one namespace": [
        lambda c: orders(c)["metadata"].update(namespace="default"),
        lambda c: c.of("Namespace")[0]["metadata"].pop("labels"),
    ],
    "a Deployment selects its own pods": [
        lambda c: orders(c)["spec"]["selector"]["matchLabels"].update(version="2"),
        lambda c: orders(c)["spec"]["selector"].update(
            matchLabels={"app.kubernetes.io/part-of": "shop"}
        ),
    ],
    "a Service sends to the pods of one Deployment, where they listen": [
        lambda c: got(c, "Service", "orders")["spec"]["selector"].update(x="y"),
        lambda c: got(c, "Service", "orders")["spec"]["ports"][0].update(
            targetPort="web"
        ),
    ],
    "who is called has a Service": [lambda c: gone(c, "Service", "stock-grpc")],
    "URLs of services lead to them": [
        lambda c: told(c).update(CATALOG_URL="http://catalog:8080"),
        lambda c: told(c).pop("STOCK_URL"),
    ],
    "one scaler says how many pods there are": [
        lambda c: orders(c)["spec"].update(replicas=3),
        lambda c: gone(c, "HorizontalPodAutoscaler", "orders"),
        lambda c: got(c, "ScaledObject", "notifications")["spec"][
            "scaleTargetRef"
        ].update(name="orders"),
        lambda c: got(c, "HorizontalPodAutoscaler", "orders")["spec"].update(
            minReplicas=9
        ),
    ],
    "a consumer is scaled by what waits for it": [
        lambda c: gone(c, "TriggerAuthentication", "notifications")
    ],
    "some pods stay while nodes are emptied": [
        lambda c: gone(c, "PodDisruptionBudget", "orders"),
        lambda c: got(c, "PodDisruptionBudget", "orders")["spec"].update(
            maxUnavailable=0
        ),
    ],
    "no pod goes before its follower is ready": [
        lambda c: orders(c)["spec"]["strategy"]["rollingUpdate"].update(
            maxUnavailable=1
        ),
        lambda c: orders(c)["spec"].update(strategy={"type": "Recreate"}),
    ],
    "nothing passes but what is declared": [
        lambda c: gone(c, "NetworkPolicy", "deny-all")
    ],
    "policies are the declared graph": [
        lambda c: rules(c)[0]["from"].pop(),
        lambda c: rules(c)[0].pop("from"),
        lambda c: rules(c, "payments")[0]["from"].append(rules(c)[0]["from"][0]),
        lambda c: gone(c, "NetworkPolicy", "stock"),
    ],
    "what is outside can be reached by whom it is for": [
        lambda c: gone(c, "NetworkPolicy", "reach-database")
    ],
    "images have a tag of their own": [
        lambda c: container_of(orders(c)).update(image="orders:latest"),
        lambda c: container_of(job(c)).update(image="ghcr.io/shop/orders:1"),
    ],
    "a Job migrates before the pods start": [
        lambda c: c.objects.remove(job(c)),
        lambda c: container_of(orders(c))["command"].append("--migrate"),
        lambda c: pod_of(job(c)).update(restartPolicy="OnFailure"),
    ],
}
CASES = [
    pytest.param(rule, one, id=f"{rule} ({number})")
    for rule, found in BREAKS.items()
    for number, one in enumerate(found, 1)
]


def test_every_rule_is_broken_here() -> None:
    """A rule that nothing breaks may look at nothing."""
    assert set(BREAKS) == set(RULES)


def test_the_whole_is_faultless(staging: Cluster) -> None:
    """What is found below was broken there."""
    assert list(faults(staging)) == []


@pytest.mark.parametrize(("rule", "broken"), CASES)
def test_fault_is_seen(staging: Cluster, rule: str, broken: Break) -> None:
    """The rule that is broken says so."""
    broken(staging)

    assert rule in {one.rule for one in faults(staging)}
