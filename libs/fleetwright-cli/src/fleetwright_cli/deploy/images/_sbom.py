"""What is in an image, as CycloneDX: packages of the lock, libraries of the fleet."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

from fleetwright_cli._digests import digest_of
from fleetwright_cli.deploy._facts import World

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_SPACE = uuid.UUID("6a1f6bd0-4c8e-5d0c-9b60-6f4d31a8d6d4")


def sbom(world: World, service: str, tag: str) -> dict[str, Any]:
    """Return the bill of materials of a service's image.

    The same inputs give the same bytes: no date is in it. What the base image holds
    is not in it either.

    Args:
        world: The fleet.
        service: The service's name.
        tag: The tag of its image.
    """
    found = world.fleet.services[service]
    lock = found.lock.read_text("utf-8")
    whole = {
        "type": "container",
        "bom-ref": f"image:{service}",
        "name": f"{world.manifest.deploy.registry}/{service}",
        "version": tag,
    }
    parts = [_library(name, tag) for name in found.libraries] + list(_packages(lock))
    refs = [one["bom-ref"] for one in parts]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, digest_of(service, tag, lock))}",
        "version": 1,
        "metadata": {"component": whole},
        "components": parts,
        "dependencies": [{"ref": whole["bom-ref"], "dependsOn": refs}],
    }


def _library(name: str, tag: str) -> dict[str, Any]:
    """Return one library of the fleet: its source is what the tag says."""
    return {
        "type": "library",
        "bom-ref": f"library:{name}",
        "name": name,
        "version": tag,
        "scope": "required",
    }


def _packages(lock: str) -> Iterator[dict[str, Any]]:
    """Yield the packages of a lock; hashes are those of the files that it allows."""
    found: dict[str, Any] | None = None
    for line in lock.splitlines():
        pin = _PIN.match(line)
        if pin:
            if found is not None:
                yield found
            found = _package(pin[1].lower().replace("_", "-"), pin[2])
        elif found is not None and (digest := _HASH.search(line)):
            hashes = found["externalReferences"][0]["hashes"]
            hashes.append({"alg": "SHA-256", "content": digest[1]})
    if found is not None:
        yield found


def _package(name: str, version: str) -> dict[str, Any]:
    """Return one package of the index, without hashes yet."""
    purl = f"pkg:pypi/{name}@{version}"
    url = f"https://pypi.org/project/{name}/{version}/"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "scope": "required",
        "purl": purl,
        "externalReferences": [{"type": "distribution", "url": url, "hashes": []}],
    }
