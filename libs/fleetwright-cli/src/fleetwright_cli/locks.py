"""requirements.in to hashed requirements.txt, and whether they drifted."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetwright_cli._digests import digest_of_files
from fleetwright_cli._errors import FleetError
from fleetwright_cli._uv import run_pip_tools, run_uv
from fleetwright_cli.fleet import Fleet, Service, direct_libraries, with_needed

COMMAND = "fleet lock"
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", re.MULTILINE)
DIGEST = "# inputs: sha256:"
CONSTRAINTS = "requirements-dev.txt"
_HOST_SETTING = re.compile(
    r"^(--(extra-)?index-url|--find-links|-f|-i)\b", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Lock:
    """One requirements.in and the lock made from it.

    Attributes:
        name: What people call it: the service's name, or the file's.
        source: The direct requirements.
        target: The locked ones.
        libraries: Distributions of the fleet that are installed by path, not pinned.
        constraints: The lock whose versions this one keeps to, if any.
        manifests: Files of the libraries whose dependencies flow into it.
        python: Least Python version.
    """

    name: str
    source: Path
    target: Path
    libraries: tuple[str, ...]
    constraints: Path | None
    manifests: tuple[Path, ...]
    python: str

    @property
    def inputs(self) -> str:
        """The digest of all it is made from but the package index."""
        return digest_of_files([self.source, *self.manifests], self.python)

    @property
    def is_fresh(self) -> bool:
        """Whether the lock was made from what its inputs say now."""
        if not self.target.is_file():
            return False
        text = self.target.read_text(encoding="utf-8")
        if f"{DIGEST}{self.inputs}" not in text[:4096]:
            return False
        # Pin by pin: what moves there and is none of ours changes nothing here.
        held = self.held
        return all(held.get(name, pin) == pin for name, pin in pins(text).items())

    @property
    def held(self) -> dict[str, str]:
        """Versions that the constraints allow, by package."""
        if self.constraints is None or not self.constraints.is_file():
            return {}
        return pins(self.constraints.read_text(encoding="utf-8"))


def pins(text: str) -> dict[str, str]:
    """Return the versions that a lock pins, by package.

    Args:
        text: The content of the lock.
    """
    return dict(_PIN.findall(text))


def locks_of(fleet: Fleet, names: Sequence[str] = ()) -> list[Lock]:
    """Return the locks of the fleet, in the order in which they are compiled.

    Args:
        fleet: The fleet.
        names: Services; none for all, with the fleet's own locks first.

    Raises:
        FleetError: There is no such service.
    """
    own = [] if names else _own_locks(fleet)
    return own + [_service_lock(fleet, one) for one in fleet.chosen(list(names))]


def compile_lock(
    lock: Lock,
    *,
    upgrade: bool = False,
    packages: Sequence[str] = (),
    engine: str = "uv",
    offline: bool = False,
) -> bool:
    """Write one lock; what was there is kept when it fails.

    Args:
        lock: Which one.
        upgrade: Whether pins may move to newer versions.
        packages: Only these may move.
        engine: `uv`, or `pip-tools` for the same pins more slowly.
        offline: Whether only what this machine keeps of the index may be asked; uv's.

    Returns:
        Whether the file changed.

    Raises:
        FleetError: The requirements cannot be met, or the index cannot be reached.
    """
    if not lock.source.is_file():
        raise FleetError(
            f"{lock.name} has no requirements.in",
            where=str(lock.source),
            hint="write its direct requirements there, one a line",
        )
    before = lock.target.read_text(encoding="utf-8") if lock.target.is_file() else ""
    draft = lock.target.with_name(f".{lock.target.name}.draft")
    try:
        if before and not upgrade:
            draft.write_text(before, encoding="utf-8")
        _compile(lock, draft, packages, engine, offline=offline)
        text = _cleaned(draft.read_text(encoding="utf-8"), lock)
    finally:
        draft.unlink(missing_ok=True)
    if text != before:
        fresh = lock.target.with_name(f".{lock.target.name}.fresh")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, lock.target)
    return text != before


def require_free(lock: Lock, packages: Sequence[str]) -> None:
    """Refuse to move in one lock what the whole fleet holds: nothing would happen.

    Args:
        lock: The lock in which they are to move.
        packages: What is to move.

    Raises:
        FleetError: The constraints hold one of them.
    """
    held = lock.held
    for package in packages:
        if package in held:
            raise FleetError(
                f"{package} is held at {held[package]} for the whole fleet",
                where=str(lock.constraints),
                hint=f"`fleet lock --upgrade-package {package}` moves it for all",
            )


def _compile(
    lock: Lock, draft: Path, packages: Sequence[str], engine: str, *, offline: bool
) -> None:
    """Have the engine write the draft."""
    words = ["--generate-hashes", "--output-file", draft.name, lock.source.name]
    for package in packages:
        words += ["--upgrade-package", package]
    if lock.constraints is not None and lock.constraints.is_file():
        constraints = os.path.relpath(lock.constraints, lock.source.parent)
        words += ["--constraint", constraints]
    what = f"locking {lock.name}"
    if engine == "uv":
        for library in lock.libraries:
            words += ["--no-emit-package", library]
        words += ["--custom-compile-command", COMMAND, "--no-emit-index-url"]
        words += ["--python-version", lock.python, "--no-annotate"]
        words += ["--offline"] if offline else []
        run_uv(["pip", "compile", *words], folder=lock.source.parent, what=what)
        return
    for library in lock.libraries:
        words += ["--unsafe-package", library]
    words += ["--quiet", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate"]
    run_pip_tools([*words, "--strip-extras"], folder=lock.source.parent, what=what)


def _cleaned(text: str, lock: Lock) -> str:
    """Return the lock with our head, without settings of this machine."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    if found := _HOST_SETTING.search(body):
        raise FleetError(
            f"the lock of {lock.name} would hold a setting of this machine",
            where=found[0],
            hint="set the index by UV_INDEX_URL, not in requirements.in",
        )
    head = [
        f"# Locked by `{COMMAND}` from {lock.source.name}; do not edit.",
        f"{DIGEST}{lock.inputs}",
    ]
    return "\n".join([*head, body.strip("\n"), ""])


def _own_locks(fleet: Fleet) -> list[Lock]:
    """Return the locks at the root: development first, the others follow its pins."""
    python = fleet.manifest.fleet.python
    found = []
    for name in ("requirements-dev", "requirements-test"):
        source = fleet.root / f"{name}.in"
        if source.is_file():
            target = source.with_suffix(".txt")
            constraints = fleet.root / CONSTRAINTS
            held = constraints if target != constraints else None
            names = with_needed(direct_libraries(source), fleet.libraries)
            manifests = [fleet.libraries[it].folder / "pyproject.toml" for it in names]
            own = tuple(names), held, tuple(manifests), python
            found.append(Lock(name, source, target, *own))
    return found


def _service_lock(fleet: Fleet, service: Service) -> Lock:
    """Return the lock of one service."""
    constraints = fleet.root / CONSTRAINTS
    folders = [fleet.libraries[name].folder for name in service.libraries]
    return Lock(
        service.name,
        service.requirements,
        service.lock,
        service.libraries,
        constraints if constraints.is_file() else None,
        tuple(folder / "pyproject.toml" for folder in folders),
        fleet.manifest.fleet.python,
    )
