"""A rule is data: what the standard says, how that is looked at, why, and the mend."""

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fleetwright_cli.standard._repository import Repository

Force = Literal["must", "should", "recommended", "described"]
Depth = Literal["static", "tools", "deep", "human"]
SECTIONS = {
    1: "Core Philosophy",
    2: "Core Principles",
    3: "Development Environment",
    4: "Project & Service Structure",
    5: "Code Quality & Style",
    6: "Microservice Development",
    7: "Testing Standards",
    8: "Containerization",
    9: "CI/CD",
    10: "Documentation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One statement of the standard.

    Attributes:
        id: Its name in findings and waivers.
        section: The section of the standard.
        line: The line of the standard.
        sentence: The sentence it stands in, in the standard's own words.
        says: What of the sentence this statement is.
        force: How strongly the standard says it.
        depth: What checks it: reading, `--tools`, `--deep`, or a person.
        in_part: Whether the checker sees only a part of what the statement asks.
        by_tools: Whether `--tools` sees the rest of it.
        by_deep: Whether `--deep` sees the rest of it.
        is_note: Whether it is told and fails nothing: a matter of one machine.
        same_as: The rule whose checker sees this one, too.
        how: How it is looked at; for what is not checked, why not.
        why: Why it matters.
        mend: What to do about a breach.
        good: Files that keep it.
        bad: Files that break it.
    """

    id: str
    section: int
    line: int
    sentence: str
    says: str
    force: Force
    depth: Depth
    in_part: bool = False
    by_tools: bool = False
    by_deep: bool = False
    is_note: bool = False
    same_as: str = ""
    how: str = ""
    why: str = ""
    mend: str = ""
    good: str = ""
    bad: str = ""

    @property
    def is_checked(self) -> bool:
        """Whether a checker of ours looks at it."""
        return self.depth != "human"

    @property
    def has_rest(self) -> bool:
        """Whether reading sees a part of it, and a deeper look the rest."""
        return self.by_tools or self.by_deep


@dataclass(frozen=True, slots=True)
class Breach:
    """Where a checker saw a rule broken.

    Attributes:
        path: The file, or the folder in which something is missing.
        line: Where in the file; 1 when it is the file as a whole.
        what: What is wrong there, in one line.
    """

    path: str
    line: int
    what: str


Checker = Callable[["Repository"], Iterator[Breach]]
CHECKERS: dict[str, Checker] = {}


def checks(identity: str) -> Callable[[Checker], Checker]:
    """Register the function below as the checker of a rule.

    Args:
        identity: The rule's id.

    Returns:
        The decorator; it leaves the function as it is.
    """

    def register(checker: Checker) -> Checker:
        CHECKERS[identity] = checker
        return checker

    return register


# What the tool itself asks for: it is not counted among the statements of the standard.
READABLE = Rule(
    id="FILE-01",
    section=0,
    line=0,
    sentence="A file that cannot be read is checked by nothing.",
    says="Every file that a rule looks at can be parsed",
    force="should",
    depth="static",
    how="Python, YAML, TOML, Dockerfiles and JSON are parsed; so is their encoding.",
    why="A rule that cannot read a file finds nothing in it, and that looks like good.",
    mend="mend the place that is named; the file is then checked like all others",
)


@cache
def rules() -> dict[str, Rule]:
    """Return every statement of the standard, by id, in its order."""
    found: dict[str, Rule] = {}
    folder = resources.files("fleetwright_cli.standard") / "rules"
    for section in SECTIONS:
        file = folder / f"section_{section:02}.toml"
        for raw in tomllib.loads(file.read_text(encoding="utf-8"))["rule"]:
            rule = Rule(section=section, **raw)
            found[rule.id] = rule
    return found


@cache
def read_ones() -> frozenset[str]:
    """Return the ids of the rules whose checkers read files, without loading those."""
    found = (one for one in rules().values() if one.depth == "static")
    return frozenset(one.id for one in found if not one.same_as)


@cache
def standard_text() -> str:
    """Return the standard itself."""
    folder = resources.files("fleetwright_cli.standard") / "rules"
    return (folder / "standard-1.0.md").read_text(encoding="utf-8")
