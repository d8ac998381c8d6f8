"""The commands a repository runs: in pipelines, images and scripts."""

from collections.abc import Iterator
from typing import Any

from fleetwright_cli.standard._makes import made_commands
from fleetwright_cli.standard._places import Place, joined, within
from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard.parsed import Job, Map, Step, commands

DEEPEST = 3
HOOKS = ".pre-commit-config.yaml"
_MAKES = frozenset(("make", "gmake"))


def scripts(repository: Repository) -> Iterator[str]:
    """Yield the shell scripts of the repository: at the root, in `scripts/`, in `.ci/`.

    Args:
        repository: Where to look.
    """
    for path in repository.tree.below(""):
        folder = path.rpartition("/")[0]
        is_ours = folder in {"", ".ci", "ci", "bin"} or path.startswith("scripts/")
        if is_ours and is_shell(repository, path):
            yield path


def is_shell(repository: Repository, path: str) -> bool:
    """Return whether a file is a shell script, by its first line or its name."""
    first = repository.tree.read(path)[:60].partition(b"\n")[0]
    return path.endswith(".sh") or (first.startswith(b"#!") and first.endswith(b"sh"))


def all_commands(repository: Repository) -> Iterator[Place]:
    """Yield every command of pipelines, scripts and the images of services.

    Args:
        repository: Where to look.
    """
    for job in repository.jobs:
        for step in job.steps:
            yield from within(job.path, step.line, step.run)
    for path in scripts(repository):
        yield from within(path, 0, repository.text(path))
    for service in repository.services:
        path = service.path("Dockerfile")
        for stage in repository.dockerfile(path).stages:
            for one in stage.all("RUN"):
                yield from (
                    Place(path, one.line, command)
                    for command in commands(one.value + "\n" + one.script)
                )


def step_commands(repository: Repository, job: Job, step: Step) -> Iterator[Place]:
    """Yield the commands of a step, with those of the repository's scripts it calls.

    Args:
        repository: Where scripts are.
        job: The job of the step.
        step: The step.
    """
    key = f"step {job.path} {step.line} {step.run}"
    if key not in repository.notes:
        folder = joined("", step.folder)
        repository.notes[key] = [
            one
            for place in within(job.path, step.line, step.run, folder)
            for one in (place, *_called(repository, place, set()))
        ]
    yield from repository.notes[key]


def _called(repository: Repository, caller: Place, seen: set[str]) -> Iterator[Place]:
    """Yield the commands of a script or a target of ours that a command runs."""
    command = caller.command
    whole = f"{caller.folder} {' '.join(command.words)}"
    if command.program in _MAKES and len(seen) < DEEPEST and whole not in seen:
        for place in made_commands(repository, command.words, caller.folder):
            yield place
            yield from _called(repository, place, seen | {whole})
    for word in command.words[:5]:
        path = caller.below(word) or word.removeprefix("./")
        if path in seen or len(seen) >= DEEPEST or not repository.tree.has(path):
            continue
        if is_shell(repository, path):
            for place in within(path, 0, repository.text(path), caller.folder):
                yield place
                yield from _called(repository, place, seen | {path})


def hooks(repository: Repository) -> Iterator[tuple[str, str, int]]:
    """Yield the hooks of pre-commit.

    Args:
        repository: Where its configuration is.

    Yields:
        The hook's id, its command (empty for one from elsewhere), and its line.
    """
    yield from hooks_in(repository.yaml(HOOKS) if repository.tree.has(HOOKS) else None)


def hooks_in(document: Any) -> Iterator[tuple[str, str, int]]:
    """Yield the hooks of a configuration of pre-commit.

    Args:
        document: What its YAML holds.

    Yields:
        The hook's id, its command (empty for one from elsewhere), and its line.
    """
    repos = document.get("repos") if isinstance(document, Map) else None
    for repo in repos if isinstance(repos, list) else ():
        found = repo.get("hooks") if isinstance(repo, Map) else None
        for hook in found if isinstance(found, list) else ():
            if isinstance(hook, Map):
                entry, line = hook.get("entry"), hook.line_of("id")
                yield str(hook.get("id", "")), (
                    entry if isinstance(entry, str) else ""
                ), line


def runs_anywhere(repository: Repository, program: str, *words: str) -> bool:
    """Return whether a step of a pipeline or a hook runs a program.

    Args:
        repository: Where to look.
        program: The program, without its folder.
        *words: What it must be given.
    """
    lines = [
        command for _, entry, _ in hooks(repository) for command in commands(entry)
    ]
    lines += [
        place.command
        for job in repository.jobs
        for step in job.steps
        for place in step_commands(repository, job, step)
    ]
    return any(
        one.arguments[0] == program and set(words) <= set(one.arguments)
        for one in lines
    )
