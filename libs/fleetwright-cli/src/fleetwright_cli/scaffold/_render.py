"""The language of templates: names, conditions and repetitions, a line each.

`<<name>>` stands for a value. `<<if database>>`, `<<if not events>>`, `<<else>>`,
`<<each services>>` and `<<end>>` stand alone on their lines, which are left out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Value = str | bool | Sequence[Mapping[str, "Value"]]
Values = Mapping[str, Value]

_MARK = re.compile(r"\s*<<(if|each|else|end)(?: ([\w ]+))?>>\s*")
_NAME = re.compile(r"<<(\w+)>>")


@dataclass(slots=True)
class _Block:
    """Lines that are there under a condition, or once for each of some values."""

    kind: str
    words: tuple[str, ...]
    then: list["_Part"] = field(default_factory=list)
    otherwise: list["_Part"] = field(default_factory=list)


_Part = str | _Block


def render(template: str, values: Values) -> str:
    """Return what a template says of some values.

    Args:
        template: The text of the template.
        values: What its names stand for; a condition is a name that is True or False.

    Raises:
        KeyError: The template names something that has no value.
    """
    parts, _ = _read(iter(template.splitlines(keepends=True)))
    return "".join(_written(parts, values))


def _read(lines: Iterator[str]) -> tuple[list[_Part], str]:
    """Return the parts up to the next `else`, `end` or the last line, and which."""
    parts: list[_Part] = []
    for line in lines:
        mark = _MARK.fullmatch(line)
        if mark is None:
            parts.append(line)
        elif mark[1] in {"else", "end"}:
            return parts, mark[1]
        else:
            block = _Block(mark[1], tuple((mark[2] or "").split()))
            block.then, ended_by = _read(lines)
            if ended_by == "else":
                block.otherwise, _ = _read(lines)
            parts.append(block)
    return parts, ""


def _written(parts: Sequence[_Part], values: Values) -> Iterator[str]:
    """Yield the lines of some parts."""
    for part in parts:
        if isinstance(part, str):
            yield _NAME.sub(lambda name: str(values[name[1]]), part)
        elif part.kind == "if":
            holds = _holds(part.words, values)
            yield from _written(part.then if holds else part.otherwise, values)
        else:
            each = values[part.words[0]]
            for one in each if isinstance(each, Sequence) else ():
                if isinstance(one, Mapping):
                    yield from _written(part.then, {**values, **one})


def _holds(words: Sequence[str], values: Values) -> bool:
    """Return whether all names of a condition are so; `not` turns the next one over."""
    wanted = True
    for word in words:
        if word == "not":
            wanted = False
        elif bool(values[word]) is not wanted:
            return False
        else:
            wanted = True
    return True
