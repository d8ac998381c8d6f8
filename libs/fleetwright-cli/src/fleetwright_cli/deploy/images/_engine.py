"""The engine that builds: Docker by either builder, or Podman; and why it does not."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fleetwright_cli._errors import FleetError

CHOICE = "FLEET_ENGINE"
OLDEST = {"docker": (20, 10), "podman": (4, 0)}
ANSWER_SECONDS = 20.0
_LAST_LINES = 15
# What an engine says, what it means, what to do. The first that fits is told.
_MEANINGS = (
    (
        r"no space left on device",
        "the engine has no space left",
        "`docker system df` shows what takes it, `docker system prune` frees it",
    ),
    (
        r"denied|unauthorized|no basic auth|authentication required",
        "the registry refuses",
        "`docker login` there; may this account push to that name?",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        "a package is not what the lock names",
        "find out why before going on; `fleet lock` only when you know",
    ),
    (
        r"HTTP 405|read.only",
        "the registry takes nothing: it can only be read from",
        "have whoever runs it end that; then run the same command again",
    ),
    (
        r"connection refused|no such host|i/o timeout|TLS handshake",
        "a registry does not answer",
        "is its name right (`--base-image`, `[deploy] registry`), the network there?",
    ),
    (
        r"manifest unknown|failed to resolve|manifest for .* not found|pull access",
        "an image it is built on cannot be had",
        "name one that can: `fleet build --base-image IMAGE`",
    ),
)


class BuildError(Exception):
    """An image could not be built or pushed.

    Attributes:
        meaning: What that means.
        hint: What to do.
        words: The engine's last words.
    """

    def __init__(self, words: str, doing: str = "build") -> None:
        """Understand what the engine said.

        Args:
            words: All that it said.
            doing: What it was to do.
        """
        self.words = "\n".join(words.strip().splitlines()[-_LAST_LINES:])
        found = next(
            (one for one in _MEANINGS if re.search(one[0], words, re.IGNORECASE)), None
        )
        self.meaning = found[1] if found else f"the {doing} failed"
        self.hint = found[2] if found else "the lines above say at which step"
        super().__init__(self.meaning)


@dataclass(frozen=True, slots=True)
class Engine:
    """What builds images here.

    Attributes:
        program: The client's path.
        kind: Whose it is.
        version: The engine's version.
        builder: How it builds.
    """

    program: str
    kind: Literal["docker", "podman"]
    version: str
    builder: Literal["buildkit", "classic", "buildah"]

    def build(
        self,
        context: Path,
        dockerfile: Path,
        names: Sequence[str],
        *,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        heard: Callable[[str], None],
    ) -> None:
        """Build an image.

        Args:
            context: What it may be made from.
            dockerfile: How.
            names: What it is to be called.
            arguments: Values of the Dockerfile's ARGs.
            labels: What is written on it.
            heard: Told each line of progress.

        Raises:
            BuildError: It could not be built.
        """
        words = ["build", "--file", str(dockerfile)]
        words += [word for name in names for word in ("--tag", name)]
        for option, values in (("--build-arg", arguments), ("--label", labels)):
            words += [w for k, v in values.items() for w in (option, f"{k}={v}")]
        words += ["--progress", "plain"] * (self.builder == "buildkit")
        words += ["--format", "docker"] * (self.kind == "podman")  # keeps HEALTHCHECK
        self._follow([*words, str(context)], heard)

    def push(self, name: str, heard: Callable[[str], None]) -> str:
        """Push an image and return its digest; empty when the engine does not say it.

        Args:
            name: What it is called.
            heard: Told each line of progress.

        Raises:
            BuildError: The registry refuses, or does not answer.
        """
        plain = ["--tls-verify=false"] * (self.kind == "podman" and _is_local(name))
        said = self._follow(["push", *plain, name], heard)
        found = re.search(r"digest: (sha256:[0-9a-f]{64})", said)
        return found[1] if found else ""

    def has(self, name: str) -> bool:
        """Return whether an image is here.

        Args:
            name: What it is called.
        """
        return self._answer("image", "inspect", name) is not None

    def size(self, name: str) -> int:
        """Return how many bytes an image has; 0 when the engine does not say it.

        Args:
            name: What it is called.
        """
        said = self._answer("image", "inspect", "--format", "{{.Size}}", name) or ""
        return int(said) if said.strip().isdigit() else 0

    def origin(self, name: str) -> str:
        """Return the digest by which an image came from a registry; empty without.

        Args:
            name: What it is called.
        """
        words = ("image", "inspect", "--format", "{{json .RepoDigests}}", name)
        found = re.search(r"sha256:[0-9a-f]{64}", self._answer(*words) or "")
        return found[0] if found else ""

    def tag(self, name: str, other: str) -> None:
        """Give an image another name.

        Args:
            name: What it is called.
            other: What it is to be called, too.
        """
        self._follow(["tag", name, other], lambda line: None)

    def pushed(self, name: str) -> str | None:
        """Return what the registry calls an image; None when it has none, or is silent.

        Args:
            name: What it is called here.

        Returns:
            Its digest; empty when the client does not say it.
        """
        words = ["manifest", "inspect"]
        words += ["--verbose"] * (self.kind == "docker")
        if _is_local(name):
            # Engines speak plain HTTP to this machine; their clients must be told to.
            words.append(
                "--insecure" if self.kind == "docker" else "--tls-verify=false"
            )
        said = self._answer(*words, name)
        if said is None:
            return None
        try:
            digest = json.loads(said)["Descriptor"]["digest"]
        except (ValueError, KeyError, TypeError):
            return ""
        return str(digest)

    @property
    def environment(self) -> dict[str, str]:
        """What the client is told: which builder."""
        found = dict(os.environ)
        if self.kind == "docker":
            found["DOCKER_BUILDKIT"] = "1" if self.builder == "buildkit" else "0"
        return found

    def _answer(self, *words: str) -> str | None:
        return _said([self.program, *words], self.environment)[0]

    def _follow(self, words: Sequence[str], heard: Callable[[str], None]) -> str:
        """Run the client, tell its lines as they come, and return them all."""
        argv = [self.program, *words]
        lines = []
        with subprocess.Popen(  # noqa: S603 - the words are ours
            argv,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as child:
            try:
                for line in child.stdout or ():
                    lines.append(line)
                    heard(line.strip())
            except KeyboardInterrupt:
                child.terminate()
                raise
        if child.returncode:
            raise BuildError("".join(lines), words[0])
        return "".join(lines)


def find_engine() -> Engine:
    """Return the engine of this machine: Docker, else Podman.

    Raises:
        FleetError: There is none, it does not answer, or it is too old.
    """
    asked = os.environ.get(CHOICE)
    found = [asked] if asked else ["docker", "podman"]
    programs = [path for one in found if (path := shutil.which(one))]
    if not programs:
        raise FleetError(
            f"no engine is here: {' or '.join(found)} is not on the PATH",
            hint=f"install Docker or Podman, or name one by {CHOICE}",
        )
    reasons = []
    for program in programs:
        engine, reason = _asked(program)
        if engine is not None:
            return engine
        reasons.append(f"{program}: {reason}")
    raise FleetError(
        "no engine can build here",
        where="\n".join(reasons),
        hint="start it (`systemctl start docker`), or join the group `docker`",
    )


def _asked(program: str) -> tuple[Engine | None, str]:
    """Return the engine behind a client, or why there is none."""
    kind: Literal["docker", "podman"] = "docker"
    if "podman" in Path(program).name:
        kind = "podman"
    side = "Server" if kind == "docker" else "Client"
    version, reason = _said(
        [program, "version", "--format", f"{{{{.{side}.Version}}}}"]
    )
    if version is None:
        return None, reason
    version = version.strip()
    if _numbers(version) < OLDEST[kind]:
        least = ".".join(map(str, OLDEST[kind]))
        return None, f"{kind} {version} is too old: {least} is the least"
    if kind == "podman":
        return Engine(program, kind, version, "buildah"), ""
    return Engine(program, kind, version, _builder(program)), ""


def _builder(program: str) -> Literal["buildkit", "classic"]:
    """Return the builder of Docker: its newer clients need a plugin for BuildKit."""
    if _said([program, "buildx", "version"])[0] is not None:
        return "buildkit"
    client, _ = _said([program, "version", "--format", "{{.Client.Version}}"])
    return "buildkit" if client and _numbers(client) < (23, 0) else "classic"


def _is_local(name: str) -> bool:
    """Return whether an image is kept by a registry on this machine."""
    host = name.partition("/")[0].partition(":")[0]
    return host == "localhost" or host.startswith("127.")


def _numbers(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version."""
    return tuple(int(one) for one in re.findall(r"\d+", version)[:2])


def _said(
    argv: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[str | None, str]:
    """Return what a client says, or None and why."""
    try:
        done = subprocess.run(  # noqa: S603 - the words are ours
            argv,
            env=environment,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer in {ANSWER_SECONDS:g} s"
    except OSError as error:
        return None, str(error.strerror)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        return None, last[0]
    return done.stdout, ""
