"""Which functions of test code a test uses: fixtures it does not ask for do nothing.

By words: a function of a conftest, of a plugin or of what tests share is used when its
name occurs in the test, in code that runs on import, or in a function that is used.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# Fixtures that plugins ask for by these names, whoever defines them.
ASKED_BY_OTHERS = frozenset(("event_loop_policy", "event_loop", "anyio_backend"))
_WORD = re.compile(r"[A-Za-z_]\w*")
# What these put around a function does not call it by itself.
_QUIET = {
    "asynccontextmanager",
    "cache",
    "contextmanager",
    "dataclass",
    "fixture",
    "lru_cache",
    "overload",
    "wraps",
}
_PLAIN = {"NamedTuple", "Protocol", "Exception"}


class Part(NamedTuple):
    """A function or class that does nothing until it is named.

    Attributes:
        names: What it may be named by.
        words: All words in it.
        lines: The lines it takes, decorators included.
    """

    names: frozenset[str]
    words: frozenset[str]
    lines: frozenset[int]


class Parts(NamedTuple):
    """A file of test code.

    Attributes:
        words: The words of what runs whenever it is imported.
        parts: What does not.
    """

    words: frozenset[str]
    parts: tuple[Part, ...]


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text, inside of texts in it, too.

    Args:
        text: A Python file, or a piece of it.
    """
    return frozenset(_WORD.findall(text))


def parts_of(text: str) -> Parts:
    """Return the parts of a file; none where it is no Python.

    Args:
        text: Its content.
    """
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return Parts(words_of(text), ())
    lines = text.splitlines()
    parts: list[Part] = []
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not _waits(node):
                continue
            begin = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            inside = range(begin, (node.end_lineno or node.lineno) + 1)
            whole = "\n".join(lines[begin - 1 : inside[-1]])
            parts.append(Part(_names(node), words_of(whole), frozenset(inside)))
    taken = {line for one in parts for line in one.lines}
    # To import a name is not to use it, unless it is used by another one.
    for node in body:
        imported = node.names if isinstance(node, ast.Import | ast.ImportFrom) else []
        if imported and all(one.asname is None for one in imported):
            taken |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    live = (line for number, line in enumerate(lines, 1) if number not in taken)
    return Parts(words_of("\n".join(live)), tuple(parts))


def unused(
    words: Iterable[str], files: Mapping[str, Parts]
) -> dict[str, frozenset[int]]:
    """Return the lines of files that a test does not use.

    Args:
        words: Those of the test, and of who asks for something unseen.
        files: The parts of the files it reaches.
    """
    known = set(words).union(*(one.words for one in files.values()))
    left = {path: list(one.parts) for path, one in files.items()}
    is_growing = True
    while is_growing and "getfixturevalue" not in known:
        is_growing = False
        for parts in left.values():
            for part in [one for one in parts if one.names & known]:
                parts.remove(part)
                is_growing = is_growing or not part.words <= known
                known |= part.words
    if "getfixturevalue" in known:
        return dict.fromkeys(files, frozenset[int]())
    return {
        path: frozenset(line for part in parts for line in part.lines)
        for path, parts in left.items()
    }


def _names(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
) -> frozenset[str]:
    """Return what a definition may be named by: itself, and a fixture's `name=`."""
    calls = [one for one in node.decorator_list if isinstance(one, ast.Call)]
    given = [word.value for one in calls for word in one.keywords if word.arg == "name"]
    said = [str(one.value) for one in given if isinstance(one, ast.Constant)]
    return frozenset((node.name, *said))


def _waits(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Return whether a definition does nothing until somebody names it."""
    if node.name.startswith(("pytest_", "__")):
        return False
    if isinstance(node, ast.ClassDef):
        bases = {_last(one) for one in node.bases}
        if node.keywords or not bases <= _PLAIN:
            return False
    return all(
        _last(one) in _QUIET and not _is_for_all(one) for one in node.decorator_list
    )


def _is_for_all(decorator: ast.expr) -> bool:
    """Return whether a fixture is used by every test around it."""
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    return any(one.arg in {"autouse", None} for one in keywords)


def _last(node: ast.expr) -> str:
    """Return the last part of a name, through a call and an index."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
