"""A release by kubectl: the order of things, and the way back.

kubectl is a stand-in that records what it is told: no cluster is here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.deploy.kubernetes._before import said_by
from fleetwright_cli.deploy.kubernetes._cluster import (
    Cluster,
    at,
    container_of,
    name_of,
    pod_of,
)
from fleetwright_cli.deploy.kubernetes._kubectl import Kubectl
from fleetwright_cli.deploy.kubernetes._release import Release

if TYPE_CHECKING:
    from deploy.conftest import StandIn

SECRETS = {
    "orders-secrets": ["BROKER_URL", "DATABASE_URL", "TOKEN_CLIENT_SECRET"],
    "notifications-secrets": ["BROKER_URL", "DATABASE_URL", "BROKER_API_URL"],
}
# What the server has of orders: `fleet` has said the image, somebody else the pods.
FOUND = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "orders",
        "namespace": "shop-staging",
        "managedFields": [
            {
                "manager": "scaler",
                "operation": "Update",
                "fieldsV1": {"f:spec": {"f:replicas": {}}},
            },
            {
                "manager": "fleet",
                "operation": "Apply",
                "fieldsV1": {
                    "f:spec": {
                        "f:selector": {},
                        "f:template": {
                            "f:spec": {
                                "f:containers": {
                                    'k:{"name":"orders"}': {
                                        ".": {},
                                        "f:name": {},
                                        "f:image": {},
                                        "f:command": {},
                                    }
                                }
                            }
                        },
                    }
                },
            },
        ],
    },
    "spec": {
        "replicas": 7,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "spec": {
                "dnsPolicy": "ClusterFirst",
                "containers": [
                    {"name": "injected", "image": "proxy:1"},
                    {
                        "name": "orders",
                        "image": "shop/orders:former",
                        "command": ["serve", "orders"],
                        "imagePullPolicy": "IfNotPresent",
                    },
                ],
            }
        },
    },
}


@pytest.fixture
def two(staging: Cluster) -> Cluster:
    """Give the objects of two services: one that is called, one that hears."""
    names = ("orders", "notifications")
    kept = [
        one
        for one in staging.objects
        if name_of(one).startswith(names) or one["kind"] == "Namespace"
    ]
    return Cluster(kept, staging.facts)


def released(cluster: Cluster) -> Release:
    """Return a release that has been done."""
    release = Release(cluster, Kubectl("shop-staging"), print, look_seconds=0.01)
    release.run()
    return release


def test_release_migrates_before_pods_and_waits_for_them(
    two: Cluster, kubectl: StandIn
) -> None:
    """Config is there before the Jobs, the Jobs are done before the Deployments."""
    kubectl.knows(secrets=SECRETS)

    release = released(two)

    kinds = [one.partition("/")[0] for one in kubectl.applied]
    assert kinds[0] == "Namespace"
    assert kinds.index("ConfigMap") < kinds.index("Job") < kinds.index("Deployment")
    assert kinds.index("Deployment") < kinds.index("HorizontalPodAutoscaler")
    jobs = [n for n, one in enumerate(kubectl.calls) if one.startswith("get job")]
    last = max(n for n, one in enumerate(kubectl.calls) if one.startswith("apply"))
    assert jobs and max(jobs) < last
    assert [one for one in kubectl.calls if one.startswith("rollout status")] == [
        "rollout status deployment/notifications --timeout=300s",
        "rollout status deployment/orders --timeout=300s",
    ]
    assert "rolled orders" in release.done
    assert all(
        "--server-side --field-manager fleet" in one
        for one in kubectl.calls
        if one.startswith("apply")
    )


def test_missing_secret_is_named_before_anything_is_changed(
    two: Cluster, kubectl: StandIn
) -> None:
    """The keys that are lacking are said, and no Deployment is touched."""
    kubectl.knows(secrets=SECRETS | {"orders-secrets": ["DATABASE_URL"]})

    with pytest.raises(FleetError, match="lacks secrets") as caught:
        released(two)

    assert caught.value.where == "orders-secrets: BROKER_URL, TOKEN_CLIENT_SECRET"
    assert [one.partition("/")[0] for one in kubectl.applied] == ["Namespace"]


def test_failed_migration_stops_the_release(two: Cluster, kubectl: StandIn) -> None:
    """The old pods go on with the old database; the Job's last words are shown."""
    job = next(name_of(it) for it in two.of("Job") if "orders" in name_of(it))
    kubectl.knows(secrets=SECRETS, jobs={job: "Failed"})

    with pytest.raises(FleetError, match="before any pod was changed") as caught:
        released(two)

    assert "relation orders already exists" in caught.value.where
    assert not any(one.startswith("Deployment/") for one in kubectl.applied)


def test_release_that_does_not_come_up_is_taken_back(
    two: Cluster, kubectl: StandIn
) -> None:
    """What ran before is said again by `fleet`; what was new stays, and it says so."""
    slow = {"rollout status deployment/orders": "timed out waiting"}
    waits = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "denied"}}}
    pod = {"status": {"containerStatuses": [waits]}}
    kubectl.knows(secrets=SECRETS, found=[FOUND], refuses=slow, troubles=[pod])

    with pytest.raises(FleetError, match="taken back") as caught:
        released(two)

    assert kubectl.calls[-1].startswith("apply --server-side --field-manager fleet")
    assert kubectl.applied[-1] == "Deployment/orders"
    assert "orders: as it was before" in caught.value.where
    assert "notifications: new, nothing to go back to" in caught.value.where
    assert "ImagePullBackOff: denied" in caught.value.where


def test_way_back_that_fails_is_said(two: Cluster, kubectl: StandIn) -> None:
    """Nobody believes that a release was taken back when it was not."""
    slow = {"rollout status deployment/orders": "timed out waiting"}
    kubectl.knows(
        secrets=SECRETS,
        found=[FOUND],
        refuses=slow,
        after={
            "rollout status deployment/orders": {
                "apply": "the server is currently unable to handle the request"
            }
        },
    )

    with pytest.raises(FleetError) as caught:
        released(two)

    assert "NOT taken back: the server is currently" in caught.value.where


def test_failed_migration_takes_the_policies_back(
    two: Cluster, kubectl: StandIn
) -> None:
    """The old pods keep the ways that they knew, too."""
    job = next(name_of(it) for it in two.of("Job") if "orders" in name_of(it))
    former = {**FOUND, "kind": "NetworkPolicy", "spec": {}}
    kubectl.knows(secrets=SECRETS, found=[former], jobs={job: "Failed"})

    with pytest.raises(FleetError, match="before any pod was changed"):
        released(two)

    assert kubectl.applied[-1] == "NetworkPolicy/orders"


def test_what_others_have_said_is_no_part_of_the_way_back() -> None:
    """The pods that a scaler counts, a container that somebody injects, defaults."""
    assert said_by("fleet", FOUND) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "orders", "namespace": "shop-staging"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "orders",
                            "image": "shop/orders:former",
                            "command": ["serve", "orders"],
                        }
                    ]
                }
            },
        },
    }
    assert "spec" not in said_by("somebody", FOUND)


def test_whole_release_is_rehearsed_by_the_server_first(
    two: Cluster, kubectl: StandIn
) -> None:
    """What it would refuse is known before anything but the namespace is there."""
    missing = 'no matches for kind "ScaledObject"'
    refuses = {"apply --server-side --field-manager fleet --dry-run=server": missing}
    kubectl.knows(secrets=SECRETS, refuses=refuses)

    with pytest.raises(FleetError, match="before any pod") as caught:
        released(two)

    assert "KEDA" in caught.value.hint
    assert kubectl.applied == ["Namespace/shop-staging"]


def test_conflict_with_another_manager_is_not_forced(
    two: Cluster, kubectl: StandIn
) -> None:
    """What somebody else manages is left alone, and kubectl's words are passed on."""
    refuses = {"apply": 'conflict with "helm": .spec.replicas'}
    kubectl.knows(secrets=SECRETS, refuses=refuses)

    with pytest.raises(FleetError, match="before any pod") as caught:
        released(two)

    assert 'conflict with "helm"' in caught.value.where
    assert not any("--force-conflicts" in one for one in kubectl.calls)


def test_no_cluster_and_no_kubectl_are_told_apart(
    two: Cluster, kubectl: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each has its own mend."""
    kubectl.knows(refuses={"version": "connection refused"})
    with pytest.raises(FleetError, match="reaches no cluster"):
        released(two)

    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(FleetError, match="no kubectl is on the PATH"):
        released(two)


def test_pods_read_every_secret_that_is_asked_for(two: Cluster) -> None:
    """The facts of this file are those of the fleet."""
    for name, keys in SECRETS.items():
        deployment = two.named("Deployment", name.removesuffix("-secrets"))
        assert deployment is not None
        volumes = {one["name"]: one for one in pod_of(deployment)["volumes"]}
        items = {one["key"] for one in at(volumes["secrets"], "secret", "items")}
        assert items <= set(keys)
        assert container_of(deployment)["image"].startswith("ghcr.io/")
