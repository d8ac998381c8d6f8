"""What a machine can mend: files that follow from others, lines that are all alike.

A fix changes text, never what code does; what it wrote is for a person to read.
"""

import difflib
import os
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard._rule import Breach
from fleetwright_cli.standard._settings import documented, settings_of
from fleetwright_cli.standard.parsed import Field

_USER = "USER 10001"
_DEVELOPMENT = "requirements-dev.in"
_HOOK = """\
      - id: {name}
        name: {name}
        entry: {entry}
        language: system
        types_or: [python, pyi]
"""
# Where a breach is told of one place and mended in another.
ELSEWHERE = {
    "OWN-01": ".github/CODEOWNERS",
    "STR-11": "docs/index.md",
    "DOC-06": "docs/design/template.md",
}
_DESIGN_PARTS = (
    ("1. Summary", "What is this, and why are we building it?"),
    ("2. Problem & Scope", "The pain point. Non-goals: what it is not for."),
    ("3. Technical Design", "Architecture, data, interactions, choices and why."),
    ("4. Implementation Plan", "- Phase 1: what, and what it depends on."),
    ("5. Open Questions", "- None."),
)
_ENTRIES = {"black": "black", "ruff": "ruff check", "mypy": "mypy"}


class Edit(NamedTuple):
    """A file as it is and as it should be.

    Attributes:
        path: Its path below the root.
        before: What it holds; empty when it is not there.
        after: What it should hold.
    """

    path: str
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The change, as `git apply` takes it."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"a/{self.path}" if self.before else "/dev/null",
            f"b/{self.path}",
        )
        return "".join(lines)


Fix = Callable[[Repository, Breach, str], str]


def edits(repository: Repository, breaches: Iterable[tuple[str, Breach]]) -> list[Edit]:
    """Return what mends some breaches, as far as a machine can.

    Args:
        repository: Where they are.
        breaches: Ids of rules, with where they are broken.

    Returns:
        One edit a file.
    """
    texts: dict[str, str] = {}
    for identity, breach in breaches:
        fix = FIXES.get(identity)
        if fix is not None:
            path = ELSEWHERE.get(identity, breach.path)
            before = texts.get(path, repository.text(path))
            texts[path] = fix(repository, breach, before)
    return [
        Edit(path, repository.text(path), text)
        for path, text in sorted(texts.items())
        if text != repository.text(path)
    ]


def write(root: Path, changes: Iterable[Edit]) -> Iterator[str]:
    """Yield the paths of edits, each once it is written.

    Args:
        root: The folder of fleet.toml.
        changes: The edits.
    """
    for one in changes:
        path = root / one.path
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.fresh")
        draft.write_text(one.after, encoding="utf-8")
        if path.exists():
            draft.chmod(path.stat().st_mode)
        os.replace(draft, path)
        yield one.path


def _env_example(repository: Repository, breach: Breach, text: str) -> str:
    """Return an example with every variable of the service's settings."""
    folder = breach.path.rpartition("/")[0]
    said = documented(text)
    for service in repository.services:
        if service.folder != folder:
            continue
        for one in settings_of(repository, service):
            prefix = one.found.config.get("env_prefix", "")
            for field in one.found.fields:
                name = (prefix + field.name).upper()
                if name in one.own and name not in said:
                    text += _variable(name, field)
    return text


def _variable(name: str, field: Field) -> str:
    """Return a variable with what is said of it, and its default."""
    lines = textwrap.wrap(field.description, 86)
    comment = "".join(f"# {line}\n" for line in lines)
    value = field.default
    if given := re.match(r"\w*Field\((?:default=)?([^,()]+)[,)]", value):
        value = given[1].strip("'\"")
    value = {"True": "true", "False": "false", "None": "", "...": ""}.get(value, value)
    if value[:1].isdigit():
        value = value.replace("_", "")
    is_plain = bool(value) and not any(mark in value for mark in "([{=")
    return f"{comment}{name}={value}\n" if is_plain else f"{comment}# {name}=\n"


def _ignored(*names: str) -> Fix:
    """Return what adds the names that a breach speaks of to an ignore file."""

    def fix(repository: Repository, breach: Breach, text: str) -> str:
        for name in names:
            if f"`{name}`" in breach.what or "not there" in breach.what:
                text = _with_line(text, name)
        return text

    return fix


def _python_version(repository: Repository, breach: Breach, text: str) -> str:
    """Return the version of fleet.toml."""
    return f"{repository.manifest.fleet.python}\n"


def _unprivileged(repository: Repository, breach: Breach, text: str) -> str:
    """Return a Dockerfile whose last stage is run by nobody in particular."""
    final = repository.dockerfile(breach.path).final
    if final is None or breach.path not in repository.tree.entries:
        return text
    lines = text.splitlines()
    last = final.last("USER")
    if last is not None:
        lines[last.line - 1] = _USER
        return "\n".join([*lines, ""])
    starts = [one.line for one in final.all("CMD", "ENTRYPOINT", "HEALTHCHECK")]
    lines.insert(min(starts) - 1 if starts else len(lines), _USER)
    return "\n".join([*lines, ""])


def _hooks(repository: Repository, breach: Breach, text: str) -> str:
    """Return hooks for the tools that have none."""
    missing = [
        name for name in _ENTRIES if "not there" in breach.what or name in breach.what
    ]
    text = text or "repos:\n"
    if missing and "  - repo: local\n    hooks:\n" not in text:
        text = text.rstrip("\n") + "\n  - repo: local\n    hooks:\n"
    added = "".join(_HOOK.format(name=one, entry=_ENTRIES[one]) for one in missing)
    head, local, rest = text.partition("  - repo: local\n    hooks:\n")
    return head + local + added + rest


def _needed(*names: str) -> Fix:
    """Return what adds a tool to the requirements of development."""

    def fix(repository: Repository, breach: Breach, text: str) -> str:
        if breach.path != _DEVELOPMENT:
            return text
        for name in names:
            if breach.what.startswith(f"{name} "):
                text = _with_line(text, name)
        return text

    return fix


def _owner(repository: Repository, breach: Breach, text: str) -> str:
    """Return CODEOWNERS with a line for a service, owned by who owns most there is.

    Where nobody owns anything, no machine knows who should.
    """
    named = Counter(
        word for line in text.splitlines() for word in line.split() if word[:1] == "@"
    )
    if not named:
        return text
    return _with_line(text, f"/{breach.path}/ {named.most_common(1)[0][0]}")


def _page(repository: Repository, breach: Breach, text: str) -> str:
    """Return a first page of documents: what the fleet has."""
    services = "".join(f"- `{one.name}`\n" for one in repository.services)
    return text or f"# {repository.manifest.fleet.name}\n\n{services}"


def _design(repository: Repository, breach: Breach, text: str) -> str:
    """Return a design document to copy, with a word about each heading."""
    parts = [f"## {title}\n\n{said}\n" for title, said in _DESIGN_PARTS]
    return text or "\n".join(["# Feature or system\n", *parts])


def _step(command: str) -> Fix:
    """Return what adds a step to the first job of a pipeline of GitHub's."""

    def fix(repository: Repository, breach: Breach, text: str) -> str:
        jobs = [one for one in repository.jobs if one.path == breach.path and one.steps]
        lines = text.splitlines()
        if not jobs or f"- run: {command}" in (one.strip() for one in lines):
            return text
        number = jobs[0].steps[-1].line
        while number > 1 and not lines[number - 1].lstrip().startswith("- "):
            number -= 1
        indent = len(lines[number - 1]) - len(lines[number - 1].lstrip())
        while number < len(lines) and _is_within(lines[number], indent):
            number += 1
        lines.insert(number, f"{' ' * indent}- run: {command}")
        return "\n".join([*lines, ""])

    return fix


def _is_within(line: str, indent: int) -> bool:
    """Return whether a line belongs to what begins at some indentation."""
    return len(line) - len(line.lstrip()) > indent and bool(line.strip())


def _with_line(text: str, line: str) -> str:
    """Return a text with a line at its end, unless it has it."""
    if line in text.splitlines():
        return text
    return f"{text.rstrip()}\n{line}\n".lstrip("\n")


FIXES: dict[str, Fix] = {
    "ENV-02": _python_version,
    "ENV-05": _ignored("venv/"),
    "DEP-02": _needed("pip-tools"),
    "QUA-07": _hooks,
    "QUA-08": _hooks,
    "QUA-11": _needed("pre-commit"),
    "PHI-04": _env_example,
    "CFG-03": _env_example,
    "CFG-04": _ignored(".env"),
    "TST-01": _needed("pytest"),
    "TST-09": _needed("pytest-cov"),
    "OWN-01": _owner,
    "STR-11": _page,
    "DOC-06": _design,
    "CIC-05": _step("black --check ."),
    "CIC-06": _step("ruff check ."),
    "CIC-07": _step("mypy ."),
    "CIC-08": _step("pytest --cov"),
    "CON-05": _unprivileged,
    "CON-06": _ignored(".git", "venv", "tests", ".env"),
}
