"""What a command of a pipeline does: one of the standard's six steps, or none."""

import re
from collections.abc import Callable

from fleetwright_cli.standard._places import Place
from fleetwright_cli.standard.parsed import Job

# A registry that a job has started for itself has no domain.
_OF_THIS_MACHINE = re.compile(r"(localhost|127\.[\d.]+|[\w-]+)(:\d+)/")
# They install what stands in a lock of their own.
_SYNCS = {("uv", "sync"), ("poetry", "install"), ("pdm", "sync"), ("pipenv", "sync")}
# What changes something that runs: to render a chart or to validate it does not.
_DEPLOYS = {
    "kubectl": {"apply", "create", "patch", "replace", "rollout", "set"},
    "helm": {"install", "upgrade"},
    "terraform": {"apply"},
    "flyctl": {"deploy"},
    "argocd": {"sync"},
    "fleet": {"--apply"},
}
# What prints, reads and reckons: a job of nothing else changes nothing that runs.
_COMPUTES = frozenset(
    (
        *("[", "[[", "awk", "basename", "cat", "cut", "date", "dirname", "echo"),
        *("exit", "export", "fi", "grep", "head", "if", "jq", "printf", "read"),
        *("sed", "set", "sort", "tail", "test", "tr", "true", "uniq", "wc", "yq"),
    )
)


def installs_locked(place: Place) -> bool:
    """Return whether a command installs from a lock."""
    words = place.command.arguments
    if (place.command.program, words[0]) in _SYNCS:
        return True
    if words[:2] in (("pip", "install"), ("pip3", "install"), ("uv", "pip")):
        return any(word in {"-r", "--requirement"} for word in words)
    return words[0] in {"fleet", "pip-sync"}


def runs(name: str) -> Callable[[Place], bool]:
    """Return what tells whether a command runs a tool, or something that does.

    Args:
        name: `black`, `ruff` or `mypy`.
    """

    def fits(place: Place) -> bool:
        words = place.command.arguments
        if words[0] in {"pre-commit", "prek"} and "run" in words:
            return True
        if words[0] == "fleet":
            return "check" in words and "--tools" in words
        if name == "black":
            return words[0] == "black" and ("--check" in words or "--diff" in words)
        return words[0] == name and "format" not in words

    return fits


def runs_tests(place: Place) -> bool:
    """Return whether a command runs tests."""
    words = place.command.arguments
    return words[0] in {"pytest", "nox", "tox"} or words[:2] == ("fleet", "test")


def counts_tests(place: Place) -> bool:
    """Return whether a command runs tests and counts what they run."""
    words = place.command.arguments
    if words[:2] == ("fleet", "test"):
        return "--no-coverage" not in words
    return words[0] == "pytest" and any(word.startswith("--cov") for word in words)


def builds_images(place: Place) -> bool:
    """Return whether a command builds images."""
    words = place.command.arguments
    if words[0] in {"docker", "podman", "docker-compose", "buildah", "fleet"}:
        return "build" in words or "bake" in words
    return False


def pushes_images(place: Place) -> bool:
    """Return whether a command pushes images, and not only to this machine."""
    words = place.command.arguments
    if words[0] not in {"docker", "podman", "fleet", "docker-compose"}:
        return False
    if words[1:4] == ("buildx", "imagetools", "create"):
        return True
    pushes = "push" in words or "--push" in words
    return (pushes or any("push=true" in word for word in words)) and not any(
        _OF_THIS_MACHINE.match(word) for word in words
    )


def only_computes(job: Job, places: list[Place]) -> bool:
    """Return whether a job does no more than work out what others are told.

    Args:
        job: The job.
        places: Its commands.
    """
    actions = [one for one in (job.uses, *(step.uses for step in job.steps)) if one]
    programs = {place.command.arguments[0] for place in places}
    is_quiet = all(one.startswith("actions/checkout@") for one in actions)
    return bool(programs) and is_quiet and programs <= _COMPUTES


def deploys(place: Place) -> bool:
    """Return whether a command changes something that runs.

    Args:
        place: The command.
    """
    words = place.command.arguments
    is_it = bool(_DEPLOYS.get(words[0], set()) & set(words))
    return is_it or words[0] == "ansible-playbook"
