"""Every place that says which Python it is."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard._shapes import list_at, value_at

LEAST = (3, 11)
_NUMBER = re.compile(r"(\d)\.(\d+)")


class Mention(NamedTuple):
    """One place that names a Python version.

    Attributes:
        path: The file.
        line: The line.
        said: What it says.
        version: The least version that this allows.
    """

    path: str
    line: int
    said: str
    version: tuple[int, int]


def mentions(repository: Repository) -> Iterator[Mention]:
    """Yield every place that names a Python version.

    Args:
        repository: Where to look.
    """
    yield from _in_projects(repository)
    yield from _in_images(repository)
    yield from _in_pipelines(repository)
    if repository.tree.has(".python-version"):
        said = repository.text(".python-version").strip().splitlines()[:1]
        yield from _mention(".python-version", 1, said[0] if said else "")
    python = repository.manifest.fleet.python
    yield from _mention(
        "fleet.toml", repository.line_of("fleet.toml", "python"), python
    )


def _in_projects(repository: Repository) -> Iterator[Mention]:
    """Yield what the pyproject files say."""
    for folder in ["", *(unit.folder for unit in repository.units)]:
        path = f"{folder}/pyproject.toml".lstrip("/")
        if not repository.tree.has(path):
            continue
        document = repository.toml(path)
        texts = {
            "requires-python": value_at(document, "project", "requires-python"),
            "python_version": value_at(document, "tool", "mypy", "python_version"),
            "target-version": value_at(document, "tool", "ruff", "target-version"),
        }
        for key, said in texts.items():
            if isinstance(said, str):
                yield from _mention(path, repository.line_of(path, key, said), said)
        for said in list_at(document, "tool", "black", "target-version"):
            yield from _mention(path, repository.line_of(path, str(said)), str(said))


def _in_images(repository: Repository) -> Iterator[Mention]:
    """Yield what the images of services are built on."""
    for service in repository.services:
        path = service.path("Dockerfile")
        for stage in repository.dockerfile(path).stages:
            image, _, tag = stage.image.partition("@")[0].partition(":")
            if image.rsplit("/", 1)[-1] == "python" and tag:
                yield from _mention(path, stage.line, tag)


def _in_pipelines(repository: Repository) -> Iterator[Mention]:
    """Yield what pipelines set up."""
    for job in repository.jobs:
        for step in job.steps:
            said = step.settings.get("python-version", "")
            if "setup-python" in step.uses and _NUMBER.match(said):
                yield from _mention(job.path, step.line, said)
        for said in job.matrix:
            if re.fullmatch(r"3\.\d+(\.\d+)?", said):
                yield from _mention(job.path, job.line, said)


def _mention(path: str, line: int, said: str) -> Iterator[Mention]:
    """Yield what a text says, if it says a version."""
    short = re.fullmatch(r"py(\d)(\d+)", said)
    if found := short or _NUMBER.search(said):
        version = (int(found[1]), int(found[2]))
        if not re.search(r"<\s*=?\s*\d", said.split(",")[0]):
            yield Mention(path, line, said, version)
