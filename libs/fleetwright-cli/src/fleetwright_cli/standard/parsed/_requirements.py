"""requirements.in and requirements.txt: what is named, pinned, hashed, included."""

import re
from typing import NamedTuple

_NAME = re.compile(r"^([A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?\s*(.*)$")
_PIN = re.compile(r"^===?\s*[^\s,*;]+\s*(;.*)?$")
_PATH = re.compile(r"^(\.{1,2}/|/|file:)")


class Requirement(NamedTuple):
    """One line of a requirements file.

    Attributes:
        line: Where it begins.
        name: The distribution, normalised; empty for a path or an option.
        specifier: What follows the name: versions, markers, a URL.
        path: The folder that is installed by path; empty for others.
        option: The option, as `-r`; empty for others.
        value: What the option is given.
        hashed: Whether it has at least one hash.
    """

    line: int
    name: str = ""
    specifier: str = ""
    path: str = ""
    option: str = ""
    value: str = ""
    hashed: bool = False

    @property
    def is_pinned(self) -> bool:
        """Whether exactly one version fits."""
        return bool(_PIN.match(self.specifier))


class Requirements(NamedTuple):
    """One requirements file.

    Attributes:
        head: Its comments before the first requirement.
        lines: Its requirements and options.
    """

    head: str
    lines: tuple[Requirement, ...]

    @property
    def names(self) -> dict[str, Requirement]:
        """The named distributions."""
        return {one.name: one for one in self.lines if one.name}

    @classmethod
    def load(cls, raw: list[list[object]]) -> "Requirements":
        """Return what `read_requirements` gave, after it went through JSON."""
        head, lines = raw
        return cls(str(head), tuple(Requirement(*one) for one in lines))  # type: ignore[misc] # JSON keeps the types


def normalised(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirements(text: str) -> Requirements:
    """Return the requirements of a file.

    Args:
        text: Its content, as pip reads it.
    """
    head: list[str] = []
    found: list[Requirement] = []
    logical, began, hashed = "", 0, False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("--hash"):
            hashed, continues = True, line.endswith("\\")
        else:
            began = began or number
            logical += f" {_bare(line)}"
            continues = line.endswith("\\")
            if line.startswith("#") and not found:
                head.append(line)
        if continues:
            continue
        if one := _requirement(logical.strip(), began, hashed):
            found.append(one)
        logical, began, hashed = "", 0, False
    return Requirements("\n".join(head), tuple(found))


def _bare(line: str) -> str:
    """Return a line without its comment and its continuation mark."""
    if line.startswith("#"):
        return ""
    return line.split(" #", 1)[0].rstrip("\\").strip()


def _requirement(text: str, line: int, hashed: bool) -> Requirement | None:
    """Return one logical line as a value."""
    if not text:
        return None
    text, has_hash, _ = text.partition("--hash")
    hashed = hashed or bool(has_hash)
    if text.startswith(("-e", "--editable")):
        value = re.split(r"[\s=]+", text, maxsplit=1)[-1]
        return Requirement(line, path=value.split("[", 1)[0].strip())
    if text.startswith("-"):
        option, _, value = text.replace("=", " ", 1).partition(" ")
        return Requirement(line, option=option, value=value.strip())
    if _PATH.match(text):
        return Requirement(line, path=text.split("[", 1)[0].strip())
    match = _NAME.match(text)
    if match is None:
        return Requirement(line, name=text, hashed=hashed)
    return Requirement(line, normalised(match[1]), match[3].strip(), hashed=hashed)
