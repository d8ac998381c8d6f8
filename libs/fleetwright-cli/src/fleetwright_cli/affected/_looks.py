"""What a test reads beside what it imports: files, by paths it builds from its own."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from fleetwright_cli.standard.parsed import Call

EVERYTHING = ""
_CLIMB = re.compile(
    r"(?:^(?P<name>\w+)(?:\s*:\s*\w+)?\s*=\s*)?"
    r"(?:pathlib\.)?Path\(__file__\)(?:\.resolve\(\)|\.absolute\(\))?"
    r"(?P<up>(?:\.parents?\b(?:\[\d+\])?)+|\.with_name\()?"
    r"(?P<down>(?:\s*/\s*[\"'][^\"'{}]+[\"'])*)(?P<more>\s*/)?",
    re.MULTILINE,
)
_UP = re.compile(r"\.parents\[(\d+)\]|\.parent\b")
_STEP = re.compile(r"[\"']([^\"']+)[\"']")
# pytest runs in the package's folder: paths may go on from there.
_UPWARDS = re.compile(
    r"(Path|open|joinpath)\(\s*[\"']\.\.(/|[\"'])|(getcwd\(\)|\.cwd\(\)\.parent)"
)
_OWN_FILES = re.compile(
    r"\bpytester\b|\w\.__file__\b|Path\(\s*[\"'](src|tests)\b|\.cwd\(\)"
)
_PROCESSES = re.compile(
    r"^(subprocess\.|os\.(system|exec|spawn|popen|fork|posix_spawn)|multiprocessing\."
    r"|asyncio\.create_subprocess|concurrent\.futures\.(process\.)?ProcessPool"
    r"|pexpect\.|runpy\.|exec$|eval$)"
)


class Looks(NamedTuple):
    """What one file of tests reads beside its imports.

    Attributes:
        beyond: Folders and files outside of its package, below the root;
            `EVERYTHING` where it may look anywhere.
        names: Names by which others may import such a folder from it.
        starts: Whether it starts processes or reads modules as files: what those
            import is not seen.
    """

    beyond: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    starts: bool = False


def looks_of(path: str, unit: str, text: str, calls: Iterable[Call]) -> Looks:
    """Return what a file of tests reads beside its imports.

    Args:
        path: The file.
        unit: The folder of the package it belongs to.
        text: What of its content is used.
        calls: What that calls.
    """
    starts = any(_PROCESSES.search(one.name) for one in calls)
    starts = starts or _OWN_FILES.search(text) is not None
    beyond: set[str] = set()
    names: set[str] = set()
    if "__file__" in text:
        for folder, name in _climbs(path, text):
            if folder == EVERYTHING or _is_around(folder, unit):
                beyond |= set(_used(folder, name, text))
                names |= {name} if name else set()
            elif not folder.startswith(f"{unit}/") and folder != unit:
                beyond.add(folder)
                names |= {name} if name else set()
    if _UPWARDS.search(text):
        beyond.add(EVERYTHING)
    return Looks(frozenset(beyond), frozenset(names), starts)


def _climbs(path: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield the folders that a file names by way of its own, and what they are called.

    What is not understood leads everywhere.
    """
    understood = 0
    for found in _CLIMB.finditer(text):
        understood += 1
        folder = PurePosixPath(path)
        for step in _UP.finditer(found["up"] or ""):
            for _ in range(int(step[1]) + 1 if step[1] else 1):
                folder = folder.parent
        down = "/".join(_STEP.findall(found["down"]))
        whole = str(folder / down) if down else str(folder)
        yield EVERYTHING if whole == "." else whole, found["name"] or ""
    bare = len(re.findall(r"(?<![\w.])__file__\b", text))
    if bare > understood and not re.search(r"sys\.executable, __file__", text):
        yield EVERYTHING, ""


def _is_around(folder: str, unit: str) -> bool:
    """Return whether a package lies in a folder."""
    return unit.startswith(f"{folder}/")


def _used(folder: str, name: str, text: str) -> Iterator[str]:
    """Yield what is read below a folder around the package, by how its name is used."""
    if not name:
        yield folder
        return
    rest = re.sub(rf"^{name}\b[^=\n]*=.*$", "", text, count=1, flags=re.MULTILINE)
    rest = re.sub(rf"relative_to\({name}\)", "", rest)
    steps = rf"\b{name}\b((?:\s*/\s*[\"'][^\"'{{}}]+[\"'])+)"
    for found in re.finditer(steps, rest):
        below = "/".join(_STEP.findall(found[1]))
        yield f"{folder}/{below}" if folder else below
    if re.search(rf"\b{name}\b", re.sub(steps, "", rest)):
        yield folder
