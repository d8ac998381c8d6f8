"""Known weaknesses of what is locked, by an export of OSV: no network is asked.

The export is a zip or a folder of one JSON file an advisory, as osv.dev gives it for an
ecosystem: https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip
"""

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from fleetwright_cli._errors import FleetError

SOURCE = "https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip"
_NO_ADVISORY = (ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Weakness:
    """A pin that an advisory speaks of.

    Attributes:
        package: Its name.
        version: What is locked.
        id: The advisory's.
        aliases: What others call it.
        summary: What it is, in a line.
        fixed: The versions that have it no more.
    """

    package: str
    version: str
    id: str
    aliases: tuple[str, ...]
    summary: str
    fixed: tuple[str, ...]

    def __str__(self) -> str:
        """Return it in a line."""
        names = ", ".join((self.id, *self.aliases))
        mend = f"fixed in {', '.join(self.fixed)}" if self.fixed else "not fixed yet"
        return f"{self.package} {self.version}: {names}: {self.summary} ({mend})"


@dataclass(frozen=True, slots=True)
class Advisories:
    """What an export knows.

    Attributes:
        of: The advisories that speak of a package, by its name.
        newest: When the newest of them was changed; empty when there are none.
    """

    of: Mapping[str, list[dict[str, Any]]]
    newest: str

    def about(self, pins: Mapping[str, str]) -> Iterator[Weakness]:
        """Yield the weaknesses of pins.

        Args:
            pins: Versions by name.
        """
        for name, version in pins.items():
            known = canonicalize_name(name)
            for one in self.of.get(known, ()):
                affected = [it for it in one["affected"] if _name_of(it) == known]
                if any(_has(it, version) for it in affected):
                    yield Weakness(
                        name,
                        version,
                        one["id"],
                        tuple(one.get("aliases", ())),
                        one.get("summary") or "no summary",
                        tuple(_fixes(affected)),
                    )


def read_advisories(place: Path) -> Advisories:
    """Return what an export knows of packages of PyPI, but what was withdrawn.

    Args:
        place: The zip or the folder.

    Raises:
        FleetError: There is none, or it is none: nothing was audited.
    """
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    newest = ""
    try:
        for text in _texts(place):
            one = json.loads(text)
            if one.get("withdrawn"):
                continue
            newest = max(newest, str(one.get("modified", "")))
            for name in {_name_of(it) for it in one["affected"]} - {""}:
                found[name].append(one)
    except (OSError, zipfile.BadZipFile, *_NO_ADVISORY) as error:
        raise not_audited(place, f"{type(error).__name__}: {error}") from error
    if not found:
        raise not_audited(place, "no advisory of PyPI is in it")
    return Advisories(found, newest)


def not_audited(place: Path | None, why: str) -> FleetError:
    """Return the error that says so: silence would pass for safety.

    Args:
        place: Where advisories were looked for.
        why: What is wrong there.
    """
    return FleetError(
        "not audited: no advisories can be read",
        where=f"{place}: {why}" if place else why,
        hint=f"download {SOURCE}\nand name it by `--advisories`",
    )


def _texts(place: Path) -> Iterator[bytes]:
    if place.is_dir():
        for file in sorted(place.glob("*.json")):
            yield file.read_bytes()
        return
    with zipfile.ZipFile(place) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                yield archive.read(name)


def _name_of(affected: dict[str, Any]) -> str:
    """Return which package of PyPI is spoken of; empty when it is of elsewhere."""
    package = affected.get("package", {})
    if package.get("ecosystem") != "PyPI":
        return ""
    return str(canonicalize_name(package["name"]))


def _has(affected: dict[str, Any], version: str) -> bool:
    """Return whether a version has it: it is listed, or within a range."""
    if version in affected.get("versions", ()):
        return True
    return any(
        _within(one["events"], Version(version))
        for one in affected.get("ranges", ())
        if one.get("type") == "ECOSYSTEM"
    )


def _within(events: list[dict[str, str]], version: Version) -> bool:
    """Return whether the last event up to a version lets the weakness in."""
    is_in = False
    for one in sorted(events, key=_when):
        ((kind, at),) = one.items()
        if kind == "introduced":
            is_in = is_in or _version(at) <= version
        elif kind == "fixed":
            is_in = is_in and version < _version(at)
        elif kind == "last_affected":
            is_in = is_in and version <= _version(at)
    return is_in


def _when(event: dict[str, str]) -> tuple[Version, bool]:
    """Return where an event stands; what mends comes after what breaks."""
    ((kind, at),) = event.items()
    return _version(at), kind != "introduced"


def _version(text: str) -> Version:
    """Return a version; `0` of OSV, and what is none, stands before all others."""
    try:
        return Version("0.dev0" if text == "0" else text)
    except InvalidVersion:
        return Version("0.dev0")


def _fixes(affected: Iterable[dict[str, Any]]) -> Iterator[str]:
    for one in affected:
        for found in one.get("ranges", ()):
            for event in found["events"]:
                if "fixed" in event and found.get("type") == "ECOSYSTEM":
                    yield event["fixed"]
