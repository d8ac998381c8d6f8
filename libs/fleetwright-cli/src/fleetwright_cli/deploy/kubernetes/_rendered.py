"""An environment's objects as they reach the cluster: what Kustomize makes of them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fleetwright_cli.deploy._facts import Facts, World
from fleetwright_cli.deploy.kubernetes._traffic import deny_all
from fleetwright_cli.deploy.kubernetes._tree import (
    UNRELEASED,
    fewest_of,
    namespace_of,
    objects_of,
    outer_objects,
)
from fleetwright_cli.deploy.kubernetes._words import (
    Object,
    added_config,
    config_name,
    config_of,
    job_name,
    made,
)

# Kustomize writes a hash without digits and letters that make words.
_LETTERS = str.maketrans("013ae", "ghkmt")
_HASH_LETTERS = 10
_TAG_LETTERS = 12
_JOB_LETTERS = 6


def rendered(
    world: World,
    environment: str,
    tags: Mapping[str, str] | None = None,
    *,
    registry: str = "",
    digests: Mapping[str, str] | None = None,
) -> list[Object]:
    """Return the objects of an environment.

    Args:
        world: The fleet.
        environment: Its name.
        tags: The tag of each service's image; when left out, the objects are those
            of the committed files.
        registry: Where the images are, when not where fleet.toml says.
        digests: What the registry calls each image: no other one is then run.

    Returns:
        The objects in the order in which they are to be applied.
    """
    namespace = namespace_of(world, environment)
    found = [*outer_objects(world, environment), *deny_all()]
    for name, facts in world.facts.items():
        config = _config(world, facts, environment)
        tag = tags[name] if tags is not None else None
        image = f"{registry or world.manifest.deploy.registry}/{name}"
        image += f":{tag or UNRELEASED}"
        image += f"@{digests[name]}" if digests else ""
        found.append(config)
        for one in objects_of(world, facts):
            scaled = _scaled(one, world, facts, environment)
            found.append(_released(scaled, image, config))
            if one["kind"] == "Job" and tag is not None:
                one["metadata"]["name"] = _job_name(facts, tag, one["spec"])
    for one in found:
        if one["kind"] != "Namespace":
            one["metadata"]["namespace"] = namespace
    return found


def hashed(name: str, data: Mapping[str, str]) -> str:
    """Return the name of a ConfigMap with the hash that Kustomize gives it.

    Args:
        name: Its name without.
        data: What it tells.
    """
    whole = {"data": dict(data), "kind": "ConfigMap", "name": ""}  # as it is hashed
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for letter in "<>&":  # as Go writes JSON
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_LETTERS]
    return f"{name}-{digest.translate(_LETTERS)}"


def _job_name(facts: Facts, tag: str, spec: Object) -> str:
    """Return what the Job of an image is called.

    A Job cannot be changed: one that is told something else, or has other room, is
    another one, for the same image too.
    """
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    return f"{job_name(facts)}-{tag[:_TAG_LETTERS]}-{digest[:_JOB_LETTERS]}"


def _config(world: World, facts: Facts, environment: str) -> Object:
    """Return what a service is told in an environment."""
    data = config_of(facts, world.manifest, world.facts)
    data |= added_config(facts, world.manifest, environment)
    name = hashed(config_name(facts), data)
    return made("v1", "ConfigMap", name, data=data)


def _scaled(one: Object, world: World, facts: Facts, environment: str) -> Object:
    """Return an object with the fewest pods that the environment asks for."""
    fewest = fewest_of(world, facts, environment)
    for key in ("minReplicas", "minReplicaCount"):
        if fewest is not None and key in one.get("spec", {}):
            one["spec"][key] = fewest
    return one


def _released(one: Object, image: str, config: Object) -> Object:
    """Return an object that runs an image, and is told this."""
    pod: Any = one.get("spec", {}).get("template", {}).get("spec")
    for container in pod["containers"] if pod else ():
        container["image"] = image
        container["envFrom"] = [{"configMapRef": {"name": config["metadata"]["name"]}}]
    return one
