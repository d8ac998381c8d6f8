"""Shell text to commands: enough to know which program is called with which words."""

import re
import shlex
from collections.abc import Iterator
from itertools import dropwhile, takewhile
from typing import NamedTuple

_ASSIGNED = re.compile(r"^([A-Za-z_]\w*)=(.*)$")
_PREFIXES = {
    "exec",
    "sudo",
    "time",
    "nice",
    "env",
    "command",
    "then",
    "do",
    "else",
    "!",
}
_RUNNERS = {"uv", "uvx", "poetry", "pdm", "hatch", "pipenv", "rye"}
_ENDS = {"&&", "||", ";", "|", "&", "(", ")", "{", "}", ";;", "|&", "\n"}


def _leads_in(word: str) -> bool:
    """Return whether a word of `uv run --frozen x` comes before what is run."""
    return word == "run" or word.startswith("-")


class Command(NamedTuple):
    """One command.

    Attributes:
        words: Program and arguments; variables the text itself sets are filled in.
        line: Where it stands in the text, from 1.
        is_root: Whether `sudo` runs it.
    """

    words: tuple[str, ...]
    line: int
    is_root: bool = False

    @property
    def program(self) -> str:
        """The program without its folder: `venv/bin/black` is `black`."""
        return self.words[0].rsplit("/", 1)[-1]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The program and its words; `python -m x` and `uv run x` are `x`."""
        words = self.words
        if self.program in _RUNNERS:
            words = tuple(dropwhile(_leads_in, words[1:])) or words
            return (words[0].rsplit("/", 1)[-1], *words[1:])
        if self.program == "coverage" and "-m" in words[:4]:
            return (*words[words.index("-m") + 1 :], "--cov")
        if re.fullmatch(r"python[\d.]*", self.program) and "-m" in words[:3]:
            return words[words.index("-m") + 1 :] or words
        return (self.program, *words[1:])


def commands(text: str) -> Iterator[Command]:
    """Yield the commands of a shell text, in order.

    Control words are skipped, here-documents and substitutions are not run: what cannot
    be split is taken word by word.

    Args:
        text: A script, or what a pipeline runs.
    """
    variables: dict[str, str] = {}
    for line, words in _logical(text):
        for part in _parted(words):
            bare = list(part)
            while bare and (match := _ASSIGNED.match(bare[0])):
                variables[match[1]] = match[2]
                bare.pop(0)
            skipped = list(takewhile(_PREFIXES.__contains__, bare))
            rest = tuple(_filled(word, variables) for word in bare[len(skipped) :])
            if rest:
                yield Command(rest, line, "sudo" in skipped)


def _logical(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield lines with their words, continued ones as one."""
    held, began, until = "", 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if until:
            until = "" if line.strip() == until else until
            continue
        began = began or number
        held += line
        if held.endswith("\\") or held.rstrip().endswith(("|", "&&", "||")):
            held = held.removesuffix("\\") + " "
            continue
        if here := re.search(r"<<-?\s*['\"]?(\w+)", held):
            until = here[1]
        yield began, _split(held)
        held, began = "", 0
    if held:
        yield began, _split(held)


def _split(line: str) -> list[str]:
    """Return the words of a line, operators apart."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return line.replace('"', " ").replace("'", " ").split()


def _parted(words: list[str]) -> Iterator[list[str]]:
    """Yield the commands between operators."""
    part: list[str] = []
    for word in words:
        if word in _ENDS or set(word) <= set(";&|()"):
            if part:
                yield part
            part = []
        else:
            part.append(word)
    if part:
        yield part


def _filled(word: str, variables: dict[str, str]) -> str:
    """Return a word with the variables that are known."""

    def value(match: re.Match[str]) -> str:
        return variables.get(match[1] or match[2], match[0])

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, word)
