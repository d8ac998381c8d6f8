"""Rules about what objects say of one another: names, calls, numbers, releases."""

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from fleetwright_cli.deploy.kubernetes._cluster import (
    SCALERS,
    Cluster,
    Fault,
    at,
    container_of,
    name_of,
    peer_of,
    place_of,
    pod_of,
    rule,
    selects,
)
from fleetwright_cli.deploy.kubernetes._words import USES, Object

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@rule("names are free and fit")
def names_free(cluster: Cluster) -> Iterator[Fault]:
    """Yield objects of one name, and names that a cluster refuses."""
    count = Counter(place_of(one) for one in cluster.objects)
    yield from (Fault(one, "it is there twice") for one, n in count.items() if n > 1)
    for one in cluster.objects:
        if not _NAME.fullmatch(name_of(one)):
            yield Fault(
                place_of(one), "a name of the cluster has a-z, 0-9, - and 63 letters"
            )


@rule("all is in one namespace")
def one_namespace(cluster: Cluster) -> Iterator[Fault]:
    """Yield objects that are elsewhere, and a namespace that lets every pod in."""
    spaces = cluster.of("Namespace")
    name = name_of(spaces[0]) if spaces else ""
    for one in spaces:
        level = at(one, "metadata", "labels").get("pod-security.kubernetes.io/enforce")
        if level != "restricted":
            yield Fault(place_of(one), "any pod is let in: not the level `restricted`")
    for one in cluster.objects:
        if one["kind"] != "Namespace" and at(one, "metadata", "namespace") != name:
            yield Fault(place_of(one), f"it is not in {name or 'a namespace'}")


@rule("a Deployment selects its own pods")
def selectors_match(cluster: Cluster) -> Iterator[Fault]:
    """Yield Deployments that look for pods they do not make, or for those of others."""
    for one in cluster.of("Deployment"):
        selector = at(one, "spec", "selector", "matchLabels")
        if not selector or not selects(selector, one):
            yield Fault(place_of(one), "it does not select its own pods")
        for other in cluster.of("Deployment", "Job"):
            if other is not one and selector and selects(selector, other):
                yield Fault(place_of(one), f"it selects pods of {place_of(other)}")


@rule("a Service sends to the pods of one Deployment, where they listen")
def services_reach(cluster: Cluster) -> Iterator[Fault]:
    """Yield Services that send nowhere, or to pods that are not meant."""
    for one in cluster.of("Service"):
        selector = at(one, "spec", "selector")
        found = [it for it in cluster.of("Deployment", "Job") if selects(selector, it)]
        if len(found) != 1 or found[0]["kind"] != "Deployment":
            yield Fault(place_of(one), f"it selects {len(found)} workloads, not one")
            continue
        listening = {it.get("name") for it in container_of(found[0]).get("ports", ())}
        for port in at(one, "spec", "ports") or ():
            if port.get("targetPort") not in listening:
                yield Fault(
                    place_of(one), f"nothing listens on {port.get('targetPort')}"
                )


@rule("who is called has a Service")
def called_have_services(cluster: Cluster) -> Iterator[Fault]:
    """Yield services that are called and have no address."""
    for name, facts in cluster.facts.items():
        wanted = [name] * bool(facts.callers or facts.is_entrance)
        wanted += [f"{name}-grpc"] * (facts.answers_grpc and bool(wanted))
        for one in wanted:
            if cluster.named("Service", one) is None:
                yield Fault(f"Service/{one}", "it is called and not there")


@rule("URLs of services lead to them")
def urls_lead(cluster: Cluster) -> Iterator[Fault]:
    """Yield URLs that name a host of the cluster or a port that is not there."""
    for one, facts in cluster.workloads:
        told = cluster.told(one)
        for variable, value in told.items():
            parts = urlsplit(value)
            if parts.scheme != "http" or not parts.hostname:
                continue
            service = cluster.named("Service", parts.hostname)
            ports = {it["port"] for it in at(service, "spec", "ports") or ()}
            if parts.port not in ports:
                yield Fault(place_of(one), f"{variable}={value} leads to no Service")
        for name in facts.calls:
            variable = name.upper().replace("-", "_") + "_URL"
            if variable not in told:
                yield Fault(
                    place_of(one), f"it calls {name}, and nobody sets {variable}"
                )


@rule("one scaler says how many pods there are")
def one_scaler(cluster: Cluster) -> Iterator[Fault]:
    """Yield Deployments that two count or none, and scalers of nothing."""
    targets = Counter()  # type: Counter[str]
    for one in cluster.of(*SCALERS):
        name = at(one, "spec", "scaleTargetRef").get("name", "")
        targets[name] += 1
        if cluster.named("Deployment", name) is None:
            yield Fault(place_of(one), f"it scales {name}, which is not there")
        least, most = _bounds(one)
        if not 0 < least <= most:
            yield Fault(place_of(one), f"{least} to {most} pods is no range")
    for one in cluster.of("Deployment"):
        count = targets[name_of(one)]
        if count != 1:
            yield Fault(place_of(one), f"{count} scalers count its pods, not one")
        if count and "replicas" in one["spec"]:
            yield Fault(place_of(one), "`replicas` undoes what its scaler did")


@rule("a consumer is scaled by what waits for it")
def consumers_by_events(cluster: Cluster) -> Iterator[Fault]:
    """Yield consumers that wait for CPU, and called services that wait for events."""
    for name, facts in cluster.facts.items():
        wanted = "ScaledObject" if facts.is_consumer else "HorizontalPodAutoscaler"
        if cluster.named(wanted, name) is None:
            yield Fault(f"Deployment/{name}", f"no {wanted} scales it")
        looks = at(cluster.named("ScaledObject", name), "spec", "triggers") or ()
        for one in looks:
            key = at(one, "authenticationRef").get("name")
            if key and cluster.named("TriggerAuthentication", key) is None:
                yield Fault(f"ScaledObject/{name}", f"it may not look: no {key}")


@rule("some pods stay while nodes are emptied")
def budgets(cluster: Cluster) -> Iterator[Fault]:
    """Yield services that an update of nodes takes away, or that stop such updates."""
    for name in cluster.facts:
        one = cluster.named("PodDisruptionBudget", name)
        deployment = cluster.named("Deployment", name)
        if one is None or deployment is None:
            yield Fault(f"Deployment/{name}", "no PodDisruptionBudget")
            continue
        selector = at(one, "spec", "selector", "matchLabels")
        if not selector or not selects(selector, deployment):
            yield Fault(place_of(one), f"it does not select the pods of {name}")
        if at(one, "spec").get("maxUnavailable") in (0, "0%", None):
            yield Fault(place_of(one), "no pod may go: nodes cannot be emptied")


@rule("no pod goes before its follower is ready")
def rolls_softly(cluster: Cluster) -> Iterator[Fault]:
    """Yield Deployments with fewer pods during a release than before."""
    for one in cluster.of("Deployment"):
        strategy = at(one, "spec", "strategy")
        rolling = at(strategy, "rollingUpdate")
        if (
            strategy.get("type") != "RollingUpdate"
            or rolling.get("maxUnavailable") != 0
        ):
            yield Fault(place_of(one), "pods go before their followers are ready")
        elif rolling.get("maxSurge") in (0, "0%", None):
            yield Fault(place_of(one), "no room for a follower: a release cannot begin")


@rule("nothing passes but what is declared")
def default_deny(cluster: Cluster) -> Iterator[Fault]:
    """Yield a namespace where everybody may speak to everybody."""
    for one in cluster.of("NetworkPolicy"):
        spec = one["spec"]
        closes = not spec.get("ingress") and not spec.get("egress")
        both = set(spec.get("policyTypes", ())) == {"Ingress", "Egress"}
        if spec.get("podSelector") == {} and closes and both:
            return
    yield Fault("NetworkPolicy/deny-all", "nothing denies what no policy allows")


@rule("policies are the declared graph")
def policies_are_graph(cluster: Cluster) -> Iterator[Fault]:
    """Yield calls that are cut at one of their ends, and ones that nobody declared."""
    for name, facts in cluster.facts.items():
        one = cluster.named("NetworkPolicy", name)
        if one is None:
            yield Fault(f"NetworkPolicy/{name}", "it is not there")
            continue
        for key, side, wanted in (
            ("ingress", "from", set(facts.callers)),
            ("egress", "to", set(facts.calls)),
        ):
            ends = _ends(one, key, side)
            for other in sorted(wanted - ends):
                yield Fault(place_of(one), f"{key}: the call {side} {other} is cut")
            for other in sorted(ends - wanted - {""}):
                yield Fault(place_of(one), f"{key}: nobody declared {side} {other}")
        if any(not it.get("from") for it in at(one, "spec", "ingress") or ()):
            yield Fault(place_of(one), "ingress: anybody may call it")
        if any(not it.get("to") for it in at(one, "spec", "egress") or ()):
            yield Fault(place_of(one), "egress: it may call anybody")


@rule("what is outside can be reached by whom it is for")
def outside_reached(cluster: Cluster) -> Iterator[Fault]:
    """Yield uses of pods that no policy opens a way to."""
    open_uses = {
        name_of(one).removeprefix("reach-") for one in cluster.of("NetworkPolicy")
    }
    for one, _ in cluster.workloads:
        for use in USES:
            label = f"fleet/{use}"
            labels = at(one, "spec", "template", "metadata", "labels")
            if label in labels and use not in open_uses:
                yield Fault(place_of(one), f"no policy lets it reach the {use}")


@rule("images have a tag of their own")
def images_tagged(cluster: Cluster) -> Iterator[Fault]:
    """Yield images that are another one tomorrow, or differ within a service."""
    found: dict[str, set[str]] = {}
    for one, facts in cluster.workloads:
        image = str(container_of(one).get("image", ""))
        found.setdefault(facts.name, set()).add(image)
        tag = image.rpartition("/")[2].partition(":")[2]
        if not tag or tag == "latest":
            yield Fault(place_of(one), f"`{image}` is another image tomorrow")
        if len(pod_of(one).get("containers", ())) != 1:
            yield Fault(place_of(one), "a pod has one container, its service")
    for name, images in found.items():
        if len(images) > 1:
            yield Fault(f"Deployment/{name}", "it is migrated by another image")


@rule("a Job migrates before the pods start")
def migrated_once(cluster: Cluster) -> Iterator[Fault]:
    """Yield databases that nobody migrates, or every pod at once."""
    jobs = {container_of(one).get("name"): one for one in cluster.of("Job")}
    for one, facts in cluster.deployments:
        if "--migrate" in container_of(one).get("command", ()):
            yield Fault(place_of(one), "each pod migrates: the Job does")
        if "command" not in container_of(one):
            yield Fault(place_of(one), "its image's command migrates: name one")
        job = jobs.get(facts.name)
        if facts.has_database and job is None:
            yield Fault(place_of(one), "nobody migrates its database")
        if job is not None and "fleetwright.migrate" not in container_of(job).get(
            "command", ()
        ):
            yield Fault(place_of(job), "it does not migrate")
        if job is not None and pod_of(job).get("restartPolicy") != "Never":
            yield Fault(place_of(job), "a failed migration must be seen: `Never`")


def _bounds(scaler: Object) -> tuple[int, int]:
    """Return the fewest and the most pods of a scaler."""
    spec = scaler["spec"]
    keys = ("minReplicas", "maxReplicas")
    if scaler["kind"] == "ScaledObject":
        keys = ("minReplicaCount", "maxReplicaCount")
    return int(spec.get(keys[0], 0)), int(spec.get(keys[1], 0))


def _ends(policy: Object, key: str, side: str) -> set[str]:
    """Return the services at the other end of what a policy allows."""
    allowed = at(policy, "spec", key) or ()
    return {peer_of(peer) for one in allowed for peer in one.get(side) or ()}
