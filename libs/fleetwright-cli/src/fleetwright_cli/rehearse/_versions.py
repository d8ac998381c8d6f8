"""Two versions of a service: one of git's, one as the tree is now."""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.fleet import Fleet, Service, discover
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.venvs import Venv, make, venv_of

_FOLDER = Path(".fleet") / "rehearse"
_MIGRATES = "--migrate"


@dataclass(frozen=True, slots=True)
class Version:
    """How a version of a service is started.

    Attributes:
        name: For people: `v1.2.0 (1a2b3c4)`, or `the tree`.
        python: The interpreter of its environment.
        folder: Where it runs.
        sources: What is imported from, before all else.
    """

    name: str
    python: Path
    folder: Path
    sources: tuple[Path, ...]

    def launch(self, like: Launch, port: int, *, migrates: bool) -> Launch:
        """Return an instance of this version.

        Args:
            like: How the tree's version would be started.
            port: Where it listens; for gRPC on the next one.
            migrates: Whether it upgrades its database first.
        """
        words = [one for one in like.argv[1:] if one != _MIGRATES]
        words += [_MIGRATES] if migrates else []
        name = f"{like.service}-{port}"
        environment = {
            **like.environment,
            "PORT": str(port),
            "PYTHONPATH": os.pathsep.join(map(str, self.sources)),
        }
        if like.grpc_port is not None:
            environment["GRPC_PORT"] = str(port + 1)
        return replace(
            like,
            name=name,
            argv=(str(self.python), *words),
            folder=self.folder,
            environment=environment,
            port=port,
            grpc_port=None if like.grpc_port is None else port + 1,
            log_file=like.log_file.with_name(f"{name}.log"),
        )


def released(fleet: Fleet) -> str:
    """Return the revision that runs elsewhere: the last tag, else what is committed.

    Args:
        fleet: The fleet on disk.
    """
    tag = _git(fleet.root, "describe", "--tags", "--abbrev=0")
    return (tag or "").strip() or "HEAD"


def tree_version(service: Service, python: Path) -> Version:
    """Return the service as the tree is now.

    Args:
        service: Which one.
        python: The interpreter of its environment.
    """
    return Version("the tree", python, service.folder, (service.folder / "src",))


def old_version(
    fleet: Fleet,
    service: Service,
    revision: str,
    python: Path,
    tell: Callable[[str], None],
) -> Version:
    """Return the service as it was, its files laid out beside the fleet's state.

    Where it had the locks it has now, it runs in the same environment, with its own
    sources and those of its libraries before the tree's.

    Args:
        fleet: The fleet on disk.
        service: As it is now.
        revision: A branch, a tag or a commit.
        python: The interpreter of the tree's version.
        tell: Gets a line when an environment is made.

    Raises:
        FleetError: There is no such revision, or the service was not there.
    """
    commit = _git(
        fleet.root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"
    )
    if commit is None:
        raise FleetError(
            f"git knows no revision `{revision}`",
            where=str(fleet.root),
            hint="name a branch, a tag or a commit after `--from`, or commit first",
            exit_code=WRONG_ARGUMENTS,
        )
    short = commit.strip()[:12]
    before = discover(_laid_out(fleet.root, short))
    if service.name not in before.services:
        raise FleetError(
            f"there was no {service.name} in {revision}",
            where=str(before.root),
            hint="name a later revision after `--from`",
            exit_code=WRONG_ARGUMENTS,
        )
    old = before.services[service.name]
    libraries = [before.libraries[name].folder for name in old.libraries]
    name = short if revision == "HEAD" else f"{revision} ({short})"
    now, then = venv_of(fleet, service), venv_of(replace(before, root=fleet.root), old)
    if _contents(now) != _contents(then):
        make(then, tell)
        python = then.python
    sources = (old.folder / "src", *(folder / "src" for folder in libraries))
    return Version(name, python, old.folder, sources)


def _laid_out(root: Path, commit: str) -> Path:
    """Return the folder with a commit's files; laid out once."""
    folder = root / _FOLDER / commit
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_suffix(f".{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    words = ["git", "-C", str(root), "archive", "--format=tar", commit]
    # git's own words, and a commit that it named
    git = subprocess.Popen(words, stdout=subprocess.PIPE)  # noqa: S603
    with git, tarfile.open(fileobj=git.stdout, mode="r|") as archive:
        archive.extractall(draft, filter="data")
    draft.rename(folder)
    return folder


def _contents(venv: Venv) -> list[bytes]:
    """Return what decides what is in an environment, wherever its files lie."""
    manifests = [folder / "pyproject.toml" for folder in venv.libraries]
    return [file.read_bytes() for file in (*venv.locks, *manifests)]


def _git(root: Path, *words: str) -> str | None:
    """Return what git says; None where it says no."""
    done = subprocess.run(  # noqa: S603 - git, with words of ours
        ["git", "-C", str(root), *words],  # noqa: S607 - the user's own git
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout if done.returncode == 0 else None
