"""Section 8: one image a service, small, unprivileged, built in layers; compose."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._rule import Breach, checks
from fleetwright_cli.standard._settings_given import compare
from fleetwright_cli.standard.parsed import (
    Dockerfile,
    Instruction,
    Map,
    Stage,
    commands,
)

_BUILD_PACKAGES = {
    "build-essential",
    "gcc",
    "g++",
    "make",
    "git",
    "python3-dev",
    "clang",
}
_SMALL = re.compile(r"slim|alpine|distroless|chainguard|wolfi|minimal|scratch")
_ROOT = {"root", "0", "0:0", "root:root"}
_DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")
_IGNORED = (".git", "venv", "tests", ".env")


@checks("CON-02")
def dockerfile_each(repository: Repository) -> Iterator[Breach]:
    """Yield services without a Dockerfile, and ones that copy what is not there."""
    for service in repository.services:
        path = service.path("Dockerfile")
        if not repository.tree.has(path):
            yield Breach(path, 1, "it is not there")
            continue
        made = repository.dockerfile(path)
        if not made.stages:
            yield Breach(path, 1, "it has no FROM")
        yield from _missing_sources(repository, service, made)


@checks("CON-03")
def several_stages(repository: Repository) -> Iterator[Breach]:
    """Yield images that carry what they were built with."""
    for path, made in _dockerfiles(repository):
        final = made.final
        if final is None:
            continue
        if len(made.stages) < 2:
            yield Breach(path, final.line, "it is built in one stage")
        elif not any("from" in one.flags for one in final.all("COPY")):
            yield Breach(
                path, final.line, "the last stage copies nothing from an earlier one"
            )


@checks("CON-04")
def small_images(repository: Repository) -> Iterator[Breach]:
    """Yield what makes an image larger than it must be."""
    for path, made in _dockerfiles(repository):
        final = made.final
        if final is None:
            continue
        root = made.chain(final)[-1].image
        name, _, tag = root.rpartition("/")[2].partition(":")
        if name == "python" and not _SMALL.search(tag):
            yield Breach(
                path, final.line, f"`{root}` is a full image; a slim one will do"
            )
        for stage in made.chain(final):
            for one in stage.all("RUN"):
                for command in commands(one.value + "\n" + one.script):
                    installs = command.program in {"apt-get", "apt", "apk"}
                    found = sorted(set(command.words) & _BUILD_PACKAGES)
                    if installs and found and {"install", "add"} & set(command.words):
                        yield Breach(
                            path, one.line, f"the image keeps {', '.join(found)}"
                        )
                    elif command.arguments[:2] == ("pip", "install") and not _no_cache(
                        stage, command.words
                    ):
                        yield Breach(path, one.line, "the image keeps pip's cache")


@checks("CON-05")
def unprivileged(repository: Repository) -> Iterator[Breach]:
    """Yield images and compose services that run as root."""
    for path, made in _dockerfiles(repository):
        final = made.final
        if final is None:
            continue
        users = [one for stage in made.chain(final) if (one := stage.last("USER"))]
        if not users:
            yield Breach(path, final.line, "no USER: it runs as root")
        elif users[0].value.strip() in _ROOT:
            yield Breach(path, users[0].line, "it runs as root")
    for name, one in repository.compose.items():
        if isinstance(one, Map) and one.get("user") in _ROOT and "build" in one:
            line = one.line_of("user")
            yield Breach(
                repository.compose_path, line, f"{name} is made to run as root"
            )


@checks("CON-06")
def layers_cached(repository: Repository) -> Iterator[Breach]:
    """Yield images that install all anew when a line of code changes."""
    for path, made in _dockerfiles(repository):
        for stage in made.stages:
            yield from _sources_before_install(path, stage)
    if not repository.tree.has(".dockerignore"):
        if repository.services:
            yield Breach(".dockerignore", 1, "it is not there")
        return
    said = [one.strip() for one in repository.text(".dockerignore").splitlines()]
    for name in _IGNORED:
        if not any(
            fnmatchcase(name, one.strip("/").removeprefix("**/")) for one in said if one
        ):
            yield Breach(".dockerignore", 1, f"`{name}` is sent to every build")


@checks("CON-07")
def compose_has_all(repository: Repository) -> Iterator[Breach]:
    """Yield services that compose does not know, and variables they do not."""
    path = repository.compose_path
    if not repository.tree.has(path):
        return
    built = {
        _joined(*_build(one)): name
        for name, one in repository.compose.items()
        if isinstance(one, Map) and "build" in one
    }
    for service in repository.services:
        dockerfile = service.path("Dockerfile")
        if dockerfile not in built and repository.tree.has(dockerfile):
            yield Breach(path, 1, f"service {service.name} is not in it")
    for one in compare(repository):
        if one.path == path and one.kind != "secret":
            yield Breach(path, one.line, one.what)


@checks("CON-09")
def compose_builds(repository: Repository) -> Iterator[Breach]:
    """Yield what is built from files that are not there, and ports given twice."""
    path = repository.compose_path
    yield from _ports_taken_twice(repository)
    for name, one in repository.compose.items():
        if not isinstance(one, Map) or "build" not in one:
            continue
        dockerfile = _joined(*_build(one))
        if "$" not in dockerfile and not repository.tree.has(dockerfile):
            line = one.line_of("build")
            yield Breach(
                path, line, f"{name} is built from {dockerfile}, which is not there"
            )


def _ports_taken_twice(repository: Repository) -> Iterator[Breach]:
    """Yield services of compose that want the same port of the machine."""
    taken: dict[str, str] = {}
    for name, one in repository.compose.items():
        ports = one.get("ports") if isinstance(one, Map) else None
        for port in ports if isinstance(ports, list) else ():
            place, colon, _ = _DEFAULT.sub(r"\1", str(port)).rpartition(":")
            first = taken.setdefault(place, name) if colon else name
            if first != name:
                line = repository.compose.line_of(name)
                what = f"{name} and {first} are both to be had at {place}"
                yield Breach(repository.compose_path, line, what)


def _dockerfiles(repository: Repository) -> Iterator[tuple[str, Dockerfile]]:
    """Yield the Dockerfiles of services that are there."""
    for service in repository.services:
        path = service.path("Dockerfile")
        if repository.tree.has(path):
            yield path, repository.dockerfile(path)


def _missing_sources(
    repository: Repository, service: Unit, made: Dockerfile
) -> Iterator[Breach]:
    """Yield sources of COPY that are neither below the root nor below the service."""
    for stage in made.stages:
        for one in stage.all("COPY"):
            if "from" in one.flags or one.script:
                continue
            for source in one.words[:-1]:
                if not _is_there(repository, service, source):
                    yield Breach(
                        service.path("Dockerfile"), one.line, f"{source} is not there"
                    )


def _is_there(repository: Repository, service: Unit, source: str) -> bool:
    """Return whether a source of COPY exists, in either of the usual contexts."""
    if "$" in source or source.startswith("<<"):
        return True
    bare = source.removeprefix("./").strip("/")
    if bare in {"", "."}:
        return True
    for path in (bare, service.path(bare)):
        if repository.tree.has(path) or repository.tree.has_folder(path):
            return True
        is_pattern = any(mark in path for mark in "*?[")
        if is_pattern and any(
            fnmatchcase(one, path) for one in repository.tree.entries
        ):
            return True
    return False


def _no_cache(stage: Stage, words: tuple[str, ...]) -> bool:
    """Return whether pip is kept from writing its cache."""
    set_for_all = any(
        "PIP_NO_CACHE_DIR" in one.value for one in stage.all("ENV", "ARG")
    )
    return set_for_all or "--no-cache-dir" in words


def _sources_before_install(path: str, stage: Stage) -> Iterator[Breach]:
    """Yield copies of everything that stand before the requirements are installed."""
    whole: Instruction | None = None
    for one in stage.instructions:
        if one.name in {"COPY", "ADD"} and "from" not in one.flags:
            sources = one.words[:-1]
            if any(
                re.fullmatch(r"\.?/?|(\./)?src/?|.*/src/?", each) for each in sources
            ):
                whole = whole or one
        elif one.name == "RUN" and whole:
            for command in commands(one.value + "\n" + one.script):
                words = command.arguments
                if words[:2] == ("pip", "install") and "-r" in words:
                    what = "the code is copied before the requirements are installed"
                    yield Breach(path, whole.line, what)


def _build(service: Map) -> tuple[str, str]:
    """Return context and Dockerfile of a compose service."""
    build = service["build"]
    if isinstance(build, Map):
        context, file = build.get("context", "."), build.get("dockerfile", "Dockerfile")
        return str(context), str(file)
    return str(build), "Dockerfile"


def _joined(context: str, dockerfile: str) -> str:
    """Return the path of a Dockerfile below the root."""
    parts: list[str] = []
    for one in f"{context}/{dockerfile}".split("/"):
        if one == "..":
            parts = parts[:-1]
        elif one not in {"", "."}:
            parts.append(one)
    return "/".join(parts)
