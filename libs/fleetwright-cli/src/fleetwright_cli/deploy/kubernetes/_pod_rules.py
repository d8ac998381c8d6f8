"""Rules about pods: what they may, what they are told, how they end."""

from collections.abc import Iterator

from fleetwright_cli.deploy._facts import PROBES
from fleetwright_cli.deploy.kubernetes._cluster import (
    Cluster,
    Fault,
    at,
    container_of,
    name_of,
    place_of,
    pod_of,
    rule,
)
from fleetwright_cli.deploy.kubernetes._words import CLOSING_SECONDS, SECRETS

_PROBE_KEYS = ("startupProbe", "livenessProbe", "readinessProbe")


@rule("each service has a Deployment")
def all_deployed(cluster: Cluster) -> Iterator[Fault]:
    """Yield services that are not there."""
    for name in cluster.facts:
        if cluster.named("Deployment", name) is None:
            yield Fault(f"Deployment/{name}", "it is not there")


@rule("probes ask the service where it answers")
def probes_exist(cluster: Cluster) -> Iterator[Fault]:
    """Yield probes that are missing, ask nothing, or mix up life and readiness."""
    for one, _ in cluster.deployments:
        container = container_of(one)
        ports = {port.get("name") for port in container.get("ports", ())}
        paths = {}
        for key in _PROBE_KEYS:
            asked = at(container, key, "httpGet")
            paths[key] = asked.get("path")
            if not asked:
                yield Fault(place_of(one), f"no {key}")
            elif asked["path"] not in PROBES:
                yield Fault(
                    place_of(one), f"{key} asks {asked['path']}: nobody answers"
                )
            elif asked.get("port") not in ports:
                yield Fault(place_of(one), f"{key} asks a port that no container has")
        same = paths["livenessProbe"] == paths["readinessProbe"]
        if same and paths["livenessProbe"] is not None:
            what = "life and readiness are one: a lost database would restart it"
            yield Fault(place_of(one), what)


@rule("the grace covers the pause, the drain and a margin")
def grace_is_enough(cluster: Cluster) -> Iterator[Fault]:
    """Yield pods that are killed before they have finished what is in flight."""
    for one, facts in cluster.deployments:
        grace = pod_of(one).get("terminationGracePeriodSeconds", 30)
        pause = at(container_of(one), "lifecycle", "preStop", "sleep").get("seconds", 0)
        told = cluster.told(one)
        drain = facts.seconds("DRAIN_SECONDS", told)
        drain += facts.seconds("LAME_DUCK_SECONDS", told)
        least = pause + drain + CLOSING_SECONDS
        if grace < least:
            what = f"{grace} s of grace for {pause} s pause and {drain:g} s drain"
            what += f", and {CLOSING_SECONDS} s to close"
            yield Fault(place_of(one), what)


@rule("a pod takes calls until every node knows that it stops")
def takes_last_calls(cluster: Cluster) -> Iterator[Fault]:
    """Yield pods that refuse calls which nodes still send them."""
    for one, facts in cluster.deployments:
        pause = at(container_of(one), "lifecycle", "preStop", "sleep").get("seconds")
        if not pause and not facts.seconds("LAME_DUCK_SECONDS", cluster.told(one)):
            what = "LAME_DUCK_SECONDS is 0 and no preStop pauses: calls are lost"
            yield Fault(place_of(one), what)


@rule("the environment covers the settings")
def settings_covered(cluster: Cluster) -> Iterator[Fault]:
    """Yield settings that a service needs and is not told."""
    for one, facts in cluster.workloads:
        told = cluster.told(one)
        for variable in facts.required:
            if variable not in told and f"{variable}_FILE" not in told:
                yield Fault(place_of(one), f"nobody sets {variable}")


@rule("what is told is read")
def settings_known(cluster: Cluster) -> Iterator[Fault]:
    """Yield variables that no setting of the service reads: misspelt ones."""
    for one, facts in cluster.workloads:
        for variable in cluster.told(one):
            bare = variable.removesuffix("_FILE")
            foreign = variable.endswith("_URL") or variable.startswith("OTEL_")
            if facts.sees_runtime and bare not in facts.settings and not foreign:
                yield Fault(place_of(one), f"{variable} is no setting of {facts.name}")


@rule("ConfigMaps are there, and are used")
def config_there(cluster: Cluster) -> Iterator[Fault]:
    """Yield references to nothing, and ConfigMaps that nobody reads."""
    used = set()
    for one, _ in cluster.workloads:
        for source in container_of(one).get("envFrom", ()):
            name = at(source, "configMapRef").get("name")
            used.add(name)
            if name and cluster.named("ConfigMap", name) is None:
                yield Fault(place_of(one), f"ConfigMap {name} is not there")
    for config in cluster.of("ConfigMap"):
        if name_of(config) not in used:
            yield Fault(place_of(config), "nobody reads it")


@rule("secrets are references to what others keep")
def secrets_referenced(cluster: Cluster) -> Iterator[Fault]:
    """Yield values that nobody may see and everybody could."""
    for secret in cluster.of("Secret"):
        if secret.get("data") or secret.get("stringData"):
            yield Fault(place_of(secret), "its values are in it")
    for one, facts in cluster.workloads:
        for variable, value in cluster.told(one).items():
            has_password = "://" in value and "@" in value.partition("://")[2]
            if facts.is_secret(variable) or has_password:
                yield Fault(place_of(one), f"{variable} is told in the clear")


@rule("files of secrets are mounted")
def secret_files_mounted(cluster: Cluster) -> Iterator[Fault]:
    """Yield files that a service is to read and that are not in its pods."""
    for one, _ in cluster.workloads:
        volumes = {it.get("name"): it for it in pod_of(one).get("volumes", ())}
        mounted = {
            f"{mount['mountPath']}/{item['path']}"
            for mount in container_of(one).get("volumeMounts", ())
            for item in at(volumes.get(mount["name"]), "secret", "items") or ()
        }
        for variable, value in cluster.told(one).items():
            if value.startswith(f"{SECRETS}/") and value not in mounted:
                yield Fault(place_of(one), f"{variable} names {value}, not mounted")


@rule("each service is somebody of its own, without a token")
def own_account(cluster: Cluster) -> Iterator[Fault]:
    """Yield pods that are anybody, or could speak to the cluster."""
    for one, facts in cluster.workloads:
        name = pod_of(one).get("serviceAccountName", "default")
        account = cluster.named("ServiceAccount", name)
        if name != facts.name or account is None:
            yield Fault(place_of(one), f"it runs as {name}, not as {facts.name}")
        elif account.get("automountServiceAccountToken") is not False:
            yield Fault(place_of(account), "its token is mounted")
        if pod_of(one).get("automountServiceAccountToken") is not False:
            yield Fault(place_of(one), "a token of the cluster is mounted")


@rule("pods are restricted")
def restricted(cluster: Cluster) -> Iterator[Fault]:
    """Yield pods that the level `restricted` of PodSecurity refuses, and writers."""
    for one, _ in cluster.workloads:
        pod = at(pod_of(one), "securityContext")
        own = at(container_of(one), "securityContext")
        asked = {
            "it may run as root": pod.get("runAsNonRoot") is True,
            "its user is below 10000": pod.get("runAsUser", 0) >= 10_000,
            "no seccomp profile": bool(at(pod, "seccompProfile").get("type")),
            "it may gain rights": own.get("allowPrivilegeEscalation") is False,
            "its root may be written": own.get("readOnlyRootFilesystem") is True,
            "it keeps capabilities": at(own, "capabilities").get("drop") == ["ALL"],
            "it is privileged": not own.get("privileged"),
            "it shares the node": not any(
                pod_of(one).get(key) for key in ("hostNetwork", "hostPID", "hostIPC")
            ),
            "it sees the node's files": not any(
                "hostPath" in it for it in pod_of(one).get("volumes", ())
            ),
        }
        for what, holds in asked.items():
            if not holds:
                yield Fault(place_of(one), what)


@rule("memory is limited, CPU is not")
def limited(cluster: Cluster) -> Iterator[Fault]:
    """Yield pods that may take a node's memory, or are slowed down for nothing."""
    for one, _ in cluster.workloads:
        resources = container_of(one).get("resources", {})
        limits, requests = resources.get("limits", {}), resources.get("requests", {})
        if "memory" not in limits:
            yield Fault(place_of(one), "no limit of memory")
        elif requests.get("memory") != limits["memory"]:
            yield Fault(place_of(one), "it is promised less memory than it may use")
        if "cpu" in limits:
            yield Fault(place_of(one), "a limit of CPU slows it down while cores idle")
        if "cpu" not in requests:
            yield Fault(place_of(one), "no request of CPU: a scaler has no measure")


@rule("variables of Services are not injected")
def no_service_links(cluster: Cluster) -> Iterator[Fault]:
    """Yield pods where the cluster sets variables that look like settings."""
    for one, _ in cluster.workloads:
        if pod_of(one).get("enableServiceLinks") is not False:
            yield Fault(place_of(one), "enableServiceLinks is on")


@rule("pods are spread over nodes")
def spread(cluster: Cluster) -> Iterator[Fault]:
    """Yield pods that may all be on one node, or spread among those of others."""
    for one, facts in cluster.deployments:
        found = pod_of(one).get("topologySpreadConstraints") or []
        keys = {it.get("topologyKey") for it in found}
        if "kubernetes.io/hostname" not in keys:
            yield Fault(place_of(one), "all its pods may be on one node")
        for each in found:
            labels = at(each, "labelSelector", "matchLabels")
            if facts.name not in labels.values():
                yield Fault(place_of(one), "it is spread among pods of others")
