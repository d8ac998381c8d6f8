"""Which version of each service runs somewhere, and what it promises and needs.

What runs is said by whoever asks, by a file that `fleet contracts deployed` keeps for
an environment, or by the newest tag `SERVICE/vX.Y.Z`. Contracts are read from git.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.contracts._baseline import commit_of, frozen_at, tags
from fleetwright_cli.contracts._frozen import frozen
from fleetwright_cli.fleet import Fleet, Service

TREE = "the working tree"
_FOLDER = "contracts/deployed"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Release:
    """A version of a service.

    Attributes:
        service: Its name.
        version: A tag, a branch or a commit; or that it is the working tree.
        contracts: What it promises and needs, by kind.
    """

    service: str
    version: str
    contracts: Mapping[str, Any] = field(repr=False)


def record_of(fleet: Fleet, environment: str) -> Path:
    """Return the file that says what runs in an environment.

    Args:
        fleet: The fleet on disk.
        environment: Its name.

    Raises:
        FleetError: This is no name.
    """
    if not _NAME.fullmatch(environment):
        raise FleetError(
            f"`{environment}` is no name of an environment",
            hint="use small letters, digits and dashes: `staging`",
            exit_code=WRONG_ARGUMENTS,
        )
    return fleet.root / _FOLDER / f"{environment}.lock"


def recorded(fleet: Fleet, environment: str) -> dict[str, tuple[str, str]]:
    """Return what runs in an environment by service: its version and its commit.

    Args:
        fleet: The fleet on disk.
        environment: Its name.

    Raises:
        FleetError: Nothing was recorded, or the file is broken.
    """
    file = record_of(fleet, environment)
    if not file.is_file():
        example = next(iter(fleet.services), "orders")
        raise FleetError(
            f"it is not known what runs in {environment}",
            where=str(file),
            hint=f"`fleet contracts deployed {environment} {example}=REVISION`",
            exit_code=WRONG_ARGUMENTS,
        )
    return _read(file)


def _read(file: Path) -> dict[str, tuple[str, str]]:
    """Return what a file says, by service."""
    try:
        said = json.loads(file.read_text("utf-8"))
        return {
            str(name): (str(one["version"]), str(one["commit"]))
            for name, one in said.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FleetError(
            f"what runs there cannot be read: {error!r}",
            where=str(file),
            hint="mend it, or take it away and record it anew",
            exit_code=WRONG_ARGUMENTS,
        ) from error


def record(fleet: Fleet, environment: str, words: Iterable[str]) -> Path:
    """Write down what runs in an environment now, beside what was there.

    Args:
        fleet: The fleet on disk.
        environment: Its name.
        words: `SERVICE=REVISION`; without a revision it runs there no more.

    Returns:
        The file.

    Raises:
        FleetError: There is no such service or revision.
    """
    now = _pairs_of(words)
    for name, revision in now.items():
        if revision is None:
            raise FleetError(
                f"`{name}` says no version",
                hint=f"write `{name}=v1.2.0`, or `{name}=HEAD`",
                exit_code=WRONG_ARGUMENTS,
            )
    file = record_of(fleet, environment)
    known = _read(file) if file.is_file() else {}
    fleet.chosen([name for name, revision in now.items() if revision])
    for name, revision in now.items():
        known.pop(name, None)
        if revision:
            ref = revision_of(fleet, name, revision)
            known[name] = ref, commit_of(fleet.root, ref)
    said = {name: {"version": one, "commit": at} for name, (one, at) in known.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", "utf-8")
    return file


def newest(fleet: Fleet) -> dict[str, str]:
    """Return the newest tag `SERVICE/vX.Y.Z` of each service that has one.

    Args:
        fleet: The fleet on disk.
    """
    found: dict[str, tuple[tuple[int, ...], str]] = {}
    for tag in tags(fleet.root):
        name, _, version = tag.rpartition("/")
        numbers = _VERSION.fullmatch(version)
        if numbers is not None and name in fleet.services:
            one = (tuple(map(int, numbers.groups())), tag)
            found[name] = max(found.get(name, one), one)
    return {name: tag for name, (_, tag) in found.items()}


def revision_of(fleet: Fleet, service: str, revision: str) -> str:
    """Return a revision by its full name: `v1.2.0` of a service may be its own tag.

    Args:
        fleet: The fleet on disk.
        service: Whose.
        revision: What was typed.
    """
    own = f"{service}/{revision}"
    return own if own in tags(fleet.root) else revision


def release(
    fleet: Fleet, service: str, revision: str | None, *, called: str = ""
) -> Release:
    """Return a version of a service with its contracts.

    Args:
        fleet: The fleet on disk.
        service: Its name.
        revision: A tag, a branch or a commit; None for the working tree.
        called: What to call it, where that is not the revision.

    Raises:
        FleetError: There is no such service or revision.
    """
    gone = None if service in fleet.services else _gone(fleet, service, revision)
    chosen = fleet.chosen([service]) if gone is None else [gone]
    if revision is None:
        return Release(service, TREE, frozen(chosen)[service])
    ref = revision_of(fleet, service, revision)
    return Release(service, called or ref, frozen_at(fleet, chosen, ref)[service])


def _gone(fleet: Fleet, service: str, revision: str | None) -> Service | None:
    """Return a service that is in the tree no longer, and was at a revision.

    What runs goes on running when its folder is taken away, and still calls others.
    """
    folder = fleet.root / "services" / service
    found = Service(service, folder, service.replace("-", "_"))
    if revision is None or not _NAME.fullmatch(service):
        return None
    had = frozen_at(fleet, [found], revision_of(fleet, service, revision))[service]
    return found if had else None


def candidates(
    fleet: Fleet,
    runs: Mapping[str, Release],
    words: Sequence[str],
    *,
    tags: bool = False,
) -> dict[str, Release]:
    """Return what is to be released, by service; what says what it said is left out.

    Args:
        fleet: The fleet on disk.
        runs: What runs.
        words: What was typed: `SERVICE=REVISION`, or a service alone; none for all.
        tags: Whether the newest tag is meant where no revision is named, and not the
            working tree.
    """
    latest = newest(fleet) if tags else {}
    named = _pairs_of(words) or dict.fromkeys(latest if tags else fleet.services)
    wanted = {
        name: release(fleet, name, revision or latest.get(name))
        for name, revision in named.items()
    }
    return {
        name: one
        for name, one in wanted.items()
        if name not in runs or one.contracts != runs[name].contracts
    }


def running(
    fleet: Fleet, environment: str | None, said: Sequence[str]
) -> dict[str, Release]:
    """Return what runs, by service.

    Args:
        fleet: The fleet on disk.
        environment: Where it runs, as it was recorded; None: the newest tags run.
        said: What was typed: a revision for all services, `SERVICE=REVISION` for one.

    Raises:
        FleetError: Nobody says what runs.
    """
    named = {word: None for word in said if "=" not in word}
    if len(named) > 1:
        raise FleetError(
            "`--deployed` names several revisions for all services",
            hint="name one, or `--deployed SERVICE=REVISION` for each",
            exit_code=WRONG_ARGUMENTS,
        )
    runs: dict[str, tuple[str, str]] = {}
    if environment is not None:
        runs = recorded(fleet, environment)
    elif not said:
        runs = {name: (tag, tag) for name, tag in newest(fleet).items()}
    for revision in named:
        runs = {name: (revision, revision) for name in fleet.services}
    for name, one in _pairs_of(word for word in said if "=" in word).items():
        runs[name] = (one or "", one or "")
    if not runs:
        raise FleetError(
            "it is not known what runs",
            hint="name it: `--deployed v1.2.0`, tag releases as `orders/v1.2.0`, or"
            " record it: `fleet contracts deployed staging orders=v1.2.0`",
            exit_code=WRONG_ARGUMENTS,
        )
    found = {
        name: release(fleet, name, revision, called=version)
        for name, (version, revision) in runs.items()
    }
    # One revision for all is older than the newest of them.
    return {name: one for name, one in found.items() if one.contracts or not named}


def _pairs_of(words: Iterable[str]) -> dict[str, str | None]:
    """Return what was typed as `SERVICE=REVISION`, None for a service alone."""
    found: dict[str, str | None] = {}
    for word in words:
        name, sign, revision = word.partition("=")
        found[name] = revision if sign else None
    return found
