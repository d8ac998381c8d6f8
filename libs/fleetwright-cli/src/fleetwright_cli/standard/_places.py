"""A command of the repository, where it stands, and in which folder it is run."""

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from fleetwright_cli.standard.parsed import Command, commands


class Place(NamedTuple):
    """A command and where it stands.

    Attributes:
        path: The file.
        line: The line in it.
        command: What is run.
        folder: In which folder, below the root; empty for the root, or one that only
            a run would know.
    """

    path: str
    line: int
    command: Command
    folder: str = ""

    def below(self, name: str) -> str:
        """Return a path as the command means it, below the root."""
        return joined(self.folder, name)


def within(path: str, before: int, text: str, folder: str = "") -> Iterator[Place]:
    """Yield the commands of a text that begins after some line of a file.

    Args:
        path: The file.
        before: The line before the text.
        text: Shell text; `cd`, `pushd` and `popd` are followed.
        folder: Where it begins.
    """
    now, earlier = folder, list[str]()
    for command in commands(text):
        yield Place(path, before + command.line, command, now)
        if command.program == "popd" and earlier:
            now = earlier.pop()
        elif command.program in {"cd", "pushd"} and len(command.words) > 1:
            earlier += [now] if command.program == "pushd" else []
            now = joined(now, command.words[1])


def pattern_of(where: str) -> re.Pattern[str]:
    """Return what a place matches: itself and all below it.

    Args:
        where: Its path; `*` stands for any name, `**` for any folders, or none.
    """
    text = "".join(
        "(?:.*/)?" if one == "**" else re.escape(one).replace(r"\*", "[^/]*") + "/"
        for one in where.strip("/").split("/")
    )
    # What ends with a folder's slash may end there, too.
    return re.compile(re.sub(r"/$", "(?:/|$)", text))


def joined(folder: str, name: str) -> str:
    """Return a path below the root; empty for one that only a run would know.

    Args:
        folder: Where it begins.
        name: What is added.
    """
    if "$" in name or name.startswith(("/", "~", "`")):
        return ""
    path = posixpath.normpath(posixpath.join(folder, name))
    return "" if path == "." or path.startswith("..") else path
