"""Templates that a repository makes others from, and what they come with."""

import re
from collections.abc import Iterator

from fleetwright_cli.standard._repository import Repository

_MARKS = ("cookiecutter.json", "copier.yml", "copier.yaml")
_FOLDERS = frozenset(("templates", "template", "scaffold", "skeleton"))
_SUFFIX = re.compile(r"\.(j2|jinja2?|tmpl|tpl|template|mustache)$")
_TAGS = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_VALUE = re.compile(r"\{\{.*?\}\}|\[\[.*?\]\]", re.DOTALL)


def template_folders(repository: Repository) -> list[str]:
    """Return the folders of templates of whole repositories.

    A template has the questions of cookiecutter or copier, or stands below a folder of
    templates and holds a fleet.toml.

    Args:
        repository: Where to look.
    """
    found = set()
    for path in repository.tree.below(""):
        folder, _, name = path.rpartition("/")
        parts = folder.split("/")
        if "tests" in parts:
            continue
        is_fleet = named(name) == "fleet.toml" and not _FOLDERS.isdisjoint(parts)
        if name in _MARKS or is_fleet:
            found.add(folder)
    return sorted(found)


def instances(repository: Repository, folder: str, name: str) -> Iterator[str]:
    """Yield the files of a template that become a file of some name.

    Args:
        repository: Where the template is.
        folder: Its folder.
        name: What the file is called in what is made from it.
    """
    for path in repository.tree.below(folder):
        if named(path.rsplit("/", 1)[-1]) == name:
            yield path


def named(name: str) -> str:
    """Return what a file of a template is called in what is made from it.

    Args:
        name: Its own name, as `dot_gitignore.j2`.
    """
    return re.sub(r"^dot[-_]", ".", _SUFFIX.sub("", name))


def rendered(text: str) -> str:
    """Return a template's text with some value in each place and each branch taken.

    Args:
        text: What the template holds.
    """
    return _VALUE.sub("x", _TAGS.sub("", text))
