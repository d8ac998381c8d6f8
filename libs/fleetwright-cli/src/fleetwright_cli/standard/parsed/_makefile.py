"""A Makefile as targets, with what they need and what they run.

Enough to follow a step of a pipeline: variables that the file sets or defines are
filled in; pattern rules, functions and conditions are read past.
"""

import re
from typing import NamedTuple

_ASSIGNED = re.compile(
    r"^(?:export\s+|override\s+)*([\w.-]+)\s*(?:\?|::?|\+|!)?=\s*(.*)$"
)
_TARGETS = re.compile(r"^([^\s:#=][^:#=]*?)\s*::?(?!=)\s*([^;#]*)(?:;(.*))?")
_VARIABLE = re.compile(r"\$[({](?:call\s+)?([\w.-]+)\s*(?:,[^()]*)?[)}]")
_INCLUDED = re.compile(r"^[-s]?include\s+(.+)")
_DEFINED = re.compile(r"^define\s+([\w.-]+)")
_MOST_FILLED = 5


class Target(NamedTuple):
    """One target.

    Attributes:
        needs: The targets before it.
        lines: What it runs: shell lines with where they stand.
    """

    needs: list[str]
    lines: list[tuple[int, str]]


class Makefile(NamedTuple):
    """One Makefile.

    Attributes:
        targets: By name, in order; the first is what `make` alone makes.
        includes: The files it includes, as written.
    """

    targets: dict[str, Target]
    includes: tuple[str, ...]

    @property
    def first(self) -> str:
        """What `make` alone makes; empty for nothing."""
        return next((one for one in self.targets if not one.startswith(".")), "")


def read_makefile(text: str) -> Makefile:
    """Return the targets of a Makefile.

    Args:
        text: Its content.
    """
    reader = _Reader()
    for number, line in _joined(text):
        reader.see(number, line)
    return Makefile(reader.targets, tuple(reader.includes))


class _Reader:
    """Takes a Makefile line by line."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.targets: dict[str, Target] = {}
        self.includes: list[str] = []
        self._variables: dict[str, str] = {}
        self._defined = ""
        self._open: list[Target] = []

    def see(self, number: int, line: str) -> None:
        """Take one line.

        Args:
            number: Where it begins.
            line: Continued lines as one.
        """
        if self._defined:
            self._define(line)
        elif line.startswith("\t"):
            shell = self._filled(line.strip().lstrip("@-+"))
            for one in self._open:
                one.lines.append((number, shell))
        elif found := _DEFINED.match(line):
            self._defined = found[1]
            self._variables[found[1]] = ""
        elif found := _INCLUDED.match(line):
            self.includes += self._filled(found[1]).split()
        elif found := _ASSIGNED.match(line):
            self._variables[found[1]] = found[2].strip()
        elif found := _TARGETS.match(line):
            self._begin(number, found)

    def _define(self, line: str) -> None:
        """Take a line of what `define` began."""
        if line.startswith("endef"):
            self._defined = ""
        else:
            self._variables[self._defined] += line.strip().lstrip("@-+") + "\n"

    def _begin(self, number: int, found: re.Match[str]) -> None:
        """Begin targets with what they need, and with what stands behind a `;`."""
        self._open = []
        for name in self._filled(found[1]).split():
            target = self.targets.setdefault(name, Target([], []))
            target.needs.extend(self._filled(found[2]).split())
            self._open.append(target)
            if found[3]:
                target.lines.append((number, self._filled(found[3]).strip()))

    def _filled(self, text: str) -> str:
        """Return a text with the variables that are known; `$$` is one of the shell."""
        for _ in range(_MOST_FILLED):
            after = _VARIABLE.sub(lambda one: self._variables.get(one[1], one[0]), text)
            if after == text:
                break
            text = after
        return text.replace("$$", "$")


def _joined(text: str) -> list[tuple[int, str]]:
    """Return the lines with where they begin, continued ones as one."""
    found: list[tuple[int, str]] = []
    held, began = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        began = began or number
        held += line if not held else " " + line.strip()
        if held.endswith("\\"):
            held = held[:-1].rstrip()
            continue
        found.append((began, held))
        held, began = "", 0
    if held:
        found.append((began, held))
    return found
