"""Images of several services: what is to be built, and how each of them ended."""

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fleetwright_cli._digests import digest_of_files
from fleetwright_cli.deploy._facts import World
from fleetwright_cli.deploy.images._engine import BuildError, Engine
from fleetwright_cli.deploy.images._inputs import tag_of
from fleetwright_cli.deploy.images._provenance import statement, statement_file
from fleetwright_cli.deploy.images._sbom import sbom
from fleetwright_cli.deploy.images._secrets import leaks
from fleetwright_cli.deploy.images._signature import signed

FOLDER = ".fleet/build"
State = Literal["built", "unchanged", "failed"]


LEAK_HINT = (
    "take it out and have it changed: who has the repository has it; "
    "`.dockerignore` keeps files back, `fleet: no secret` beside a sample says so"
)


@dataclass(frozen=True, slots=True)
class Built:
    """How the image of one service ended.

    Attributes:
        service: Whose it is.
        image: What it is called.
        state: How it ended.
        seconds: How long it took.
        pushed: Whether the registry has it, as far as we were asked to care.
        sent: Whether it was sent there now; else it was there already.
        digest: What the registry calls it; empty when nobody says it.
        why: What went wrong.
        hint: What to do about it.
        sbom: Where its bill of materials is, below the root.
        provenance: Where it is said and signed what it was made from, below the root;
            empty when nobody was to sign.
        added: How many bytes it has beyond what it is built on; 0 where the engine
            does not tell.
    """

    service: str
    image: str
    state: State
    seconds: float = 0.0
    pushed: bool = False
    sent: bool = False
    digest: str = ""
    why: str = ""
    hint: str = ""
    sbom: str = ""
    provenance: str = ""
    added: int = 0


@dataclass(frozen=True)
class Builds:
    """How images are built.

    Attributes:
        world: The fleet.
        engine: Who builds.
        base_image: What they are built on.
        pushes: Whether the registry is to have them.
        talk: Told what goes on, line by line.
        key: Who signs where an image in the registry comes from.
    """

    world: World
    engine: Engine
    base_image: str
    pushes: bool
    talk: Callable[[str], None]
    key: Path | None = None

    def run(self, services: Iterable[str]) -> Iterator[Built]:
        """Yield images, built one after another; one that fails keeps no other from it.

        Args:
            services: The services' names.

        Returns:
            How each ended, as it ends.
        """
        for name in services:
            begun = time.monotonic()
            if lacking := _lacking(self.world, name):
                yield Built(name, "", "failed", why=lacking[0], hint=lacking[1])
                continue
            if found := list(leaks(self.world, name)):
                why = "\n".join(("a secret would be in it", *map(str, found)))
                yield Built(name, "", "failed", why=why, hint=LEAK_HINT)
                continue
            tag = tag_of(self.world, name, self.base_image)
            image = f"{self.world.manifest.deploy.registry}/{name}:{tag}"
            try:
                state = self._build(name, tag, image)
                sent, digest = self._push(image) if self.pushes else (False, "")
            except BuildError as error:
                spent = time.monotonic() - begun
                why = f"{error.meaning}\n{error.words}"
                yield Built(name, image, "failed", spent, why=why, hint=error.hint)
                continue
            spent = time.monotonic() - begun
            yield Built(
                name,
                image,
                state,
                spent,
                pushed=self.pushes,
                sent=sent,
                digest=digest,
                sbom=self._write_sbom(name, tag),
                provenance=self._vouch(name, tag, image, digest),
                added=self._added(image),
            )

    def _build(self, name: str, tag: str, image: str) -> State:
        """Build an image that is not there yet."""
        is_known = self.engine.has(image)
        if is_known or (self.pushes and self.engine.pushed(image) is not None):
            return "unchanged"
        root = self.world.fleet.root
        service = self.world.fleet.services[name]
        self.engine.build(
            root,
            service.folder / "Dockerfile",
            [image, f"{self.world.manifest.fleet.name}/{name}"],
            arguments={"BASE_IMAGE": self.base_image},
            labels=self._labels(name, tag),
            heard=lambda line: self.talk(f"{name}: {line}"),
        )
        return "built"

    def _push(self, image: str) -> tuple[bool, str]:
        """Push an image that the registry does not have; return its digest there."""
        known = self.engine.pushed(image)
        if known is not None:
            return False, known
        return True, self.engine.push(image, lambda line: self.talk(f"{image}: {line}"))

    def _added(self, image: str) -> int:
        """Return by how much an image is larger than what it is built on."""
        whole, base = self.engine.size(image), self.engine.size(self.base_image)
        return whole - base if whole and base else 0

    def _labels(self, name: str, tag: str) -> dict[str, str]:
        """Return where an image comes from."""
        lock = digest_of_files([self.world.fleet.services[name].lock])
        return {
            "org.opencontainers.image.title": name,
            "org.opencontainers.image.version": tag,
            "org.opencontainers.image.revision": revision(self.world),
            "org.opencontainers.image.base.name": self.base_image,
            "fleet.name": self.world.manifest.fleet.name,
            "fleet.lock": lock[:16],
            "fleet.builder": f"{self.engine.kind} {self.engine.version}"
            f" ({self.engine.builder})",
        }

    def _vouch(self, name: str, tag: str, image: str, digest: str) -> str:
        """Say and sign what an image in the registry was made from; return where."""
        if self.key is None or not digest:
            return ""
        engine, root = self.engine, self.world.fleet.root
        lock = self.world.fleet.services[name].lock
        made_of = {
            "git+commit": {"gitCommit": revision(self.world)},
            lock.relative_to(root).as_posix(): {"sha256": digest_of_files([lock])},
            "inputs": {"fleetTag": tag},
        }
        if base := engine.origin(self.base_image):
            made_of[self.base_image] = {"sha256": base.partition(":")[2]}
        said = statement(
            image,
            digest,
            builder=f"{engine.kind}:{engine.version}:{engine.builder}",
            made_of=made_of,
        )
        file = statement_file(root / FOLDER, name, tag)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(signed(said, self.key), indent=2)
        file.write_text(f"{text}\n", "utf-8")
        return file.relative_to(root).as_posix()

    def _write_sbom(self, name: str, tag: str) -> str:
        """Write the bill of materials, and return where."""
        path = f"{FOLDER}/{name}-{tag}.cdx.json"
        file = self.world.fleet.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(sbom(self.world, name, tag), indent=2)
        file.write_text(f"{text}\n", "utf-8")
        return path


def _lacking(world: World, name: str) -> tuple[str, str] | None:
    """Return what an image cannot be made without, and what to do; None for nothing."""
    service = world.fleet.services[name]
    for path, what, command in (
        (service.folder / "Dockerfile", "Dockerfile", "fleet build --write"),
        (service.lock, "lock", f"fleet lock {name}"),
    ):
        if not path.is_file():
            where = path.relative_to(world.fleet.root).as_posix()
            return f"it has no {what}\n{where} is missing", f"run `{command}`"
    return None


def revision(world: World) -> str:
    """Return the commit of the tree, `-dirty` when files differ; unknown without git.

    Args:
        world: The fleet.
    """
    words = ["git", "-C", str(world.fleet.root), "describe", "--always"]
    words += ["--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 - the words are ours
            words, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() or "unknown"
