"""Where an image comes from, said and signed; and who believes it.

The keys and the signatures are OpenSSL's own, as anybody else would make them.
"""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy.images._builds import Builds
from fleetwright_cli.deploy.images._dockerfile import dockerfiles
from fleetwright_cli.deploy.images._engine import find_engine
from fleetwright_cli.deploy.images._inputs import default_image
from fleetwright_cli.deploy.images._provenance import digests
from fleetwright_cli.deploy.kubernetes._cluster import Cluster, container_of
from fleetwright_cli.deploy.kubernetes._rendered import rendered
from fleetwright_cli.deploy.kubernetes._rules import faults

if TYPE_CHECKING:
    from deploy.conftest import StandIn

BASE = f"python@sha256:{'b' * 64}"


def made_key(folder: Path, name: str) -> tuple[Path, Path]:
    """Return a private key and its public half, made by OpenSSL."""
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    words = ["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout"]
    subprocess.run([*words, "-out", str(private)], check=True)
    words = ["openssl", "ec", "-in", str(private), "-pubout", "-out", str(public)]
    subprocess.run(words, check=True, capture_output=True)
    return private, public


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give the key of a pipeline."""
    return made_key(tmp_path_factory.mktemp("key"), "pipeline")


@pytest.fixture
def said(
    world: World, kubectl: StandIn, tmp_path: Path, key: tuple[Path, Path]
) -> tuple[Path, dict[str, str]]:
    """Give the statement about orders, and the tags that it is asked for."""
    program = (tmp_path / "kubectl").read_text()
    (tmp_path / "docker").write_text(program.replace("kubectl", "docker"))
    (tmp_path / "docker").chmod(0o755)
    builds = Builds(world, find_engine(), BASE, True, print, key[0])
    (one,) = builds.run(["orders"])
    file = world.fleet.root / one.provenance
    kept = tmp_path / "said" / file.name
    kept.parent.mkdir()
    file.rename(kept)
    return kept, {"orders": one.image.rpartition(":")[2]}


def believed(world: World, file: Path, tags: dict[str, str], key: Path) -> Any:
    """Return the digests that are believed."""
    return digests(world.manifest.deploy.registry, tags, file.parent, key)


def test_statement_says_what_an_image_is_made_of(
    world: World, said: tuple[Path, dict[str, str]], key: tuple[Path, Path]
) -> None:
    """Its digest there, the commit, the lock; OpenSSL alone can look at it."""
    file, tags = said

    envelope = json.loads(file.read_text())
    payload = base64.b64decode(envelope["payload"])
    (file.parent / "sig").write_bytes(
        base64.b64decode(envelope["signatures"][0]["sig"])
    )
    kind = envelope["payloadType"]
    whole = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    words = ["openssl", "dgst", "-sha256", "-verify", str(key[1]), "-signature"]
    subprocess.run([*words, str(file.parent / "sig")], input=whole, check=True)

    statement = json.loads(payload)
    (subject,) = statement["subject"]
    definition = statement["predicate"]["buildDefinition"]
    uris = [one["uri"] for one in definition["resolvedDependencies"]]
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert subject["digest"] == {"sha256": "a" * 64}
    assert uris[:2] == ["git+commit", "services/orders/requirements.txt"]
    assert believed(world, file, tags, key[1]) == {"orders": f"sha256:{'a' * 64}"}


@pytest.mark.parametrize("kind", ["key", "digest", "tag", "type", "none", "text"])
def test_forged_statement_is_not_believed(
    world: World,
    said: tuple[Path, dict[str, str]],
    key: tuple[Path, Path],
    kind: str,
) -> None:
    """Of another key, changed, about another image, of another type, or not there."""
    file, tags = said
    public = made_key(file.parent, "other")[1] if kind == "key" else key[1]
    envelope = json.loads(file.read_text())
    if kind == "digest":
        payload = base64.b64decode(envelope["payload"]).replace(b"a" * 64, b"c" * 64)
        envelope["payload"] = base64.b64encode(payload).decode()
    if kind == "type":
        envelope["payloadType"] = "text/plain"
    file.write_text("{" if kind == "text" else json.dumps(envelope))
    if kind == "tag":
        tags = {"orders": "0123456789abcdef"}
        file.rename(file.with_name(f"orders-{tags['orders']}.intoto.json"))
    if kind == "none":
        file.unlink()

    with pytest.raises(FleetError, match="nobody vouches") as caught:
        believed(world, file, tags, public)

    assert f"orders:{tags['orders']}: " in caught.value.where


def test_key_that_cannot_sign_is_told(
    world: World, said: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    """Nobody thinks that an image is signed when it is not."""
    builds = Builds(world, find_engine(), BASE, True, print, tmp_path / "no.pem")

    with pytest.raises(FleetError, match="the key cannot sign"):
        list(builds.run(["orders"]))


def test_released_images_are_those_that_were_signed(world: World) -> None:
    """The digest stands beside the tag, and no rule minds."""
    tags = {name: f"{number:016x}" for number, name in enumerate(world.facts, 1)}
    known = {name: f"sha256:{number:064x}" for number, name in enumerate(tags, 1)}

    cluster = Cluster(rendered(world, "staging", tags, digests=known), world.facts)

    images = {container_of(one)["image"] for one in cluster.of("Deployment", "Job")}
    registry = world.manifest.deploy.registry
    assert images == {
        f"{registry}/{name}:{tags[name]}@{known[name]}" for name in world.facts
    }
    assert list(faults(cluster)) == []


def test_base_is_the_one_that_is_pinned(world: World) -> None:
    """Dockerfiles are built on it, and tags follow it."""
    deploy = world.manifest.deploy.model_copy(update={"base_image": BASE})
    manifest = world.manifest.model_copy(update={"deploy": deploy})
    pinned = World(replace(world.fleet, manifest=manifest), world.repository)

    assert default_image(pinned) == BASE
    assert all(f"ARG BASE_IMAGE={BASE}\n" in it for it in dockerfiles(pinned).values())
