"""A Dockerfile as stages of instructions, with the lines they stand in.

Our own: what the package index has knows neither types nor here-documents.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_FLAG = re.compile(r"^--([a-z-]+)(?:=(\S+))?\s*")
_HERE = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?[-+]([^}]*))?\}|(\w+))")
_DIRECTIVE = re.compile(r"^#\s*escape\s*=\s*(\S)", re.IGNORECASE)
_FOR_PRODUCTION = frozenset(("production", "prod", "release", "runtime", "final"))
KNOWN = frozenset(
    (
        *("FROM", "ARG", "RUN", "CMD", "ENTRYPOINT", "COPY", "ADD", "ENV", "USER"),
        *("WORKDIR", "LABEL", "MAINTAINER", "EXPOSE", "VOLUME", "STOPSIGNAL"),
        *("HEALTHCHECK", "SHELL", "ONBUILD"),
    )
)


class Instruction(NamedTuple):
    """One instruction.

    Attributes:
        name: In capitals.
        value: What follows, flags left out, continued lines joined.
        flags: The flags, as `from`.
        line: Where it begins.
        script: The bodies of its here-documents.
    """

    name: str
    value: str
    flags: dict[str, str]
    line: int
    script: str = ""

    @property
    def words(self) -> list[str]:
        """The arguments: of the JSON form, or split at blanks."""
        return self.exec_form or self.value.split()

    @property
    def exec_form(self) -> list[str]:
        """The arguments of the JSON form; empty for the shell form."""
        if not self.value.startswith("["):
            return []
        try:
            found = json.loads(self.value)
        except (ValueError, RecursionError):
            return []
        return found if all(isinstance(one, str) for one in found) else []


@dataclass(slots=True)
class Stage:
    """What stands between one FROM and the next.

    Attributes:
        image: The image it begins from, arguments filled in.
        name: What `AS` calls it.
        line: Where its FROM stands.
        instructions: What follows its FROM.
    """

    image: str
    name: str
    line: int
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, *names: str) -> Iterator[Instruction]:
        """Yield its instructions of some names."""
        return (one for one in self.instructions if one.name in names)

    def last(self, name: str) -> Instruction | None:
        """Return the last instruction of a name: the one that counts."""
        return next((one for one in self.instructions[::-1] if one.name == name), None)


@dataclass(slots=True)
class Dockerfile:
    """A whole Dockerfile.

    Attributes:
        stages: In order; the last one is the image.
        arguments: Defaults of the ARGs before the first FROM.
        unknown: What is no instruction.
    """

    stages: list[Stage] = field(default_factory=list)
    arguments: dict[str, str] = field(default_factory=dict)
    unknown: list[Instruction] = field(default_factory=list)

    @property
    def final(self) -> Stage | None:
        """The stage that becomes the image: the last, or one that says so."""
        named = [one for one in self.stages if one.name in _FOR_PRODUCTION]
        return next(iter(named[-1:] or self.stages[-1:]), None)

    def chain(self, stage: Stage) -> list[Stage]:
        """Return a stage and the stages it is built on, itself first."""
        named = {one.name: one for one in self.stages if one.name}
        chain = [stage]
        while (before := named.get(chain[-1].image)) and before not in chain:
            chain.append(before)
        return chain


def read_dockerfile(text: str) -> Dockerfile:
    """Return the stages of a Dockerfile.

    Args:
        text: Its content.
    """
    made = Dockerfile()
    for one in _instructions(text):
        if one.name not in KNOWN:
            made.unknown.append(one)
        elif one.name == "FROM":
            made.stages.append(_stage(one, made.arguments))
        elif made.stages:
            made.stages[-1].instructions.append(one)
        elif one.name == "ARG":
            name, _, value = one.value.partition("=")
            made.arguments[name.strip()] = value.strip().strip("\"'")
    return made


def _stage(one: Instruction, arguments: dict[str, str]) -> Stage:
    """Return the stage that a FROM begins."""
    words = one.value.split()
    named = len(words) == 3 and words[1].upper() == "AS"
    image = filled(words[0], arguments) if words else ""
    return Stage(image, words[2].lower() if named else "", one.line)


def filled(text: str, arguments: dict[str, str]) -> str:
    """Return a text with its `$NAME` and `${NAME:-default}` filled in.

    Args:
        text: What may hold variables.
        arguments: Their values.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        return (
            arguments.get(name) or match[2] or ("" if name in arguments else match[0])
        )

    return _VARIABLE.sub(value, text)


def _instructions(text: str) -> Iterator[Instruction]:
    """Yield the instructions, continued lines joined, here-documents taken in."""
    lines = text.splitlines()
    escape = match[1] if lines and (match := _DIRECTIVE.match(lines[0])) else "\\"
    numbered = enumerate(lines, 1)
    held, began = "", 0
    for number, line in numbered:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        began = began or number
        if stripped.endswith(escape):
            held += stripped.removesuffix(escape).rstrip() + " "
            continue
        held += stripped
        script = ""
        name = held.split(None, 1)[0].upper()
        if name in {"RUN", "COPY", "ADD"}:
            for end in _HERE.findall(held):
                for _, body in numbered:
                    if body.strip() == end:
                        break
                    script += body + "\n"
        yield _instruction(held, began, script)
        held, began = "", 0
    if held:
        yield _instruction(held, began, "")


def _instruction(text: str, line: int, script: str) -> Instruction:
    """Return one joined line as an instruction."""
    name, _, value = text.partition(" ")
    value = value.strip()
    flags: dict[str, str] = {}
    while match := _FLAG.match(value):
        flags[match[1]] = match[2] or ""
        value = value[match.end() :]
    return Instruction(name.upper(), value.strip(), flags, line, script)
