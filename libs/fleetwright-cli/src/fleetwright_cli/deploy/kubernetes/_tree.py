"""The files under deploy/kubernetes: what all have, and an overlay each."""

from collections.abc import Iterator, Mapping

from fleetwright_cli.deploy._facts import Facts, World
from fleetwright_cli.deploy._yaml import written
from fleetwright_cli.deploy.kubernetes._pods import account, deployment, migration
from fleetwright_cli.deploy.kubernetes._traffic import (
    deny_all,
    disruption,
    policy,
    reach,
    scaling,
    services,
)
from fleetwright_cli.deploy.kubernetes._words import (
    Object,
    added_config,
    config_name,
    config_of,
    made,
)

FOLDER = "deploy/kubernetes"
HEAD = (
    "Written by `fleet deploy kubernetes` from the tree and fleet.toml: change those."
)
UNRELEASED = "unreleased"
_KUSTOMIZE = "kustomize.config.k8s.io/v1beta1"


def objects_of(world: World, facts: Facts) -> list[Object]:
    """Return the objects of a service but its ConfigMap, as every environment has them.

    Args:
        world: The fleet.
        facts: What is known of the service.
    """
    manifest, every = world.manifest, world.facts
    found = [account(facts, manifest)]
    found += [migration(facts, manifest)] * facts.has_database
    found.append(deployment(facts, manifest, every))
    found += services(facts, manifest)
    found += scaling(facts, manifest)
    found += [disruption(facts, manifest), policy(facts, manifest, every)]
    return found


def outer_objects(world: World, environment: str) -> list[Object]:
    """Return what an environment has beside the services: a namespace, ways out.

    Args:
        world: The fleet.
        environment: Its name.
    """
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    name = namespace_of(world, environment)
    outside = world.manifest.deploy.environments[environment].outside
    return [
        made("v1", "Namespace", name, labels=restricted),
        *(reach(use, place) for use, place in sorted(outside.items())),
    ]


def namespace_of(world: World, environment: str) -> str:
    """Return the namespace of an environment.

    Args:
        world: The fleet.
        environment: Its name.
    """
    said = world.manifest.deploy.environments[environment].namespace
    return said or f"{world.manifest.fleet.name}-{environment}"


def fewest_of(world: World, facts: Facts, environment: str) -> int | None:
    """Return the fewest pods of a service in an environment, where it says so itself.

    Args:
        world: The fleet.
        facts: What is known of the service.
        environment: The environment's name.
    """
    least = world.manifest.deploy.environments[environment].least
    most = max(world.manifest.deploy.of(facts.name).most, 1)
    return None if least is None else min(least, most)


def files(world: World) -> dict[str, str]:
    """Return the files, by their paths below the root.

    Args:
        world: The fleet.
    """
    found = dict(_inner(world))
    for environment in world.manifest.deploy.environments:
        found |= _overlay(world, environment)
    return {f"{FOLDER}/{path}": text for path, text in sorted(found.items())}


def _inner(world: World) -> Iterator[tuple[str, str]]:
    """Yield the files of the base."""
    every = world.facts
    names = ["network.yaml", *(f"{name}.yaml" for name in every)]
    config = {
        config_name(facts): config_of(facts, world.manifest, every)
        for facts in every.values()
    }
    kustomization = {
        "apiVersion": _KUSTOMIZE,
        "kind": "Kustomization",
        "resources": names,
        "configMapGenerator": [
            {"name": name, "literals": _literals(data)} for name, data in config.items()
        ],
    }
    yield "base/kustomization.yaml", written([kustomization], HEAD)
    yield "base/network.yaml", written(deny_all(), HEAD)
    for name, facts in every.items():
        yield f"base/{name}.yaml", written(objects_of(world, facts), HEAD)


def _overlay(world: World, environment: str) -> dict[str, str]:
    """Return the files of an environment."""
    every = world.facts
    registry = world.manifest.deploy.registry
    kustomization: Object = {
        "apiVersion": _KUSTOMIZE,
        "kind": "Kustomization",
        "namespace": namespace_of(world, environment),
        "resources": ["../../base", "environment.yaml"],
        "images": [
            {"name": name, "newName": f"{registry}/{name}", "newTag": UNRELEASED}
            for name in every
        ],
    }
    merged = [
        {"name": config_name(facts), "behavior": "merge", "literals": _literals(data)}
        for facts in every.values()
        if (data := added_config(facts, world.manifest, environment))
    ]
    if merged:
        kustomization["configMapGenerator"] = merged
    patches = [
        {"patch": written([patch])}
        for facts in every.values()
        if (patch := _patch(world, facts, environment))
    ]
    if patches:
        kustomization["patches"] = patches
    folder = f"overlays/{environment}"
    return {
        f"{folder}/kustomization.yaml": written([kustomization], HEAD),
        f"{folder}/environment.yaml": written(outer_objects(world, environment), HEAD),
    }


def _patch(world: World, facts: Facts, environment: str) -> Object | None:
    """Return what changes how many pods a service has in an environment."""
    fewest = fewest_of(world, facts, environment)
    if fewest is None:
        return None
    scaler = scaling(facts, world.manifest)[-1]
    key = "minReplicaCount" if facts.is_consumer else "minReplicas"
    spec = {key: fewest}
    return made(scaler["apiVersion"], scaler["kind"], facts.name, spec=spec)


def _literals(data: Mapping[str, str]) -> list[str]:
    """Return what is told, as the generator of ConfigMaps reads it."""
    return [f"{name}={value}" for name, value in data.items()]
