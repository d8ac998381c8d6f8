"""Section 4: where things are."""

import re
from collections.abc import Iterator

from fleetwright_cli.standard._commands import is_shell
from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._rule import Breach, checks
from fleetwright_cli.standard.parsed import Map, commands

_KEBAB = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
_AT_THE_TOP = {"conftest.py", "noxfile.py", "setup.py", "gunicorn.conf.py"}
_PROJECTS = ("pyproject.toml", "setup.cfg", "setup.py")
_SHARED_LEAST_FIELDS = 3


@checks("STR-01")
def one_repository(repository: Repository) -> Iterator[Breach]:
    """Yield services that live in repositories of their own."""
    if not repository.tree.has_git:
        yield Breach(".", 1, "the fleet is in no git repository")
    lines = repository.text(".gitmodules").splitlines()
    for number, line in enumerate(lines, 1):
        key, _, path = line.partition("=")
        if key.strip() == "path" and path.strip().startswith(("services/", "libs/")):
            yield Breach(".gitmodules", number, f"{path.strip()} is a submodule")


@checks("STR-02")
def discoverable(repository: Repository) -> Iterator[Breach]:
    """Yield services that neither the README nor a page of the documents names."""
    pages = [
        path
        for path in repository.tree.entries
        if "/" not in path or path.startswith("docs/")
        if path.endswith((".md", ".rst"))
    ]
    words = set(re.findall(r"[\w-]+", " ".join(map(repository.text, pages))))
    for service in repository.services:
        if service.name not in words:
            yield Breach("README.md", 1, f"service {service.name} is named on no page")


@checks("STR-03")
def services_folder(repository: Repository) -> Iterator[Breach]:
    """Yield a fleet without services, and folders among them that are none."""
    known = {one.folder for one in repository.services}
    if not known:
        yield Breach("services", 1, "there is no service below it")
    pattern = repository.manifest.fleet.services
    if pattern != "services/*":
        return
    for path in repository.tree.below("services"):
        parts = path.split("/")
        if len(parts) > 2 and (folder := "/".join(parts[:2])) not in known:
            known.add(folder)
            yield Breach(folder, 1, "it has neither a Dockerfile nor any Python")


@checks("STR-04")
def kebab_case(repository: Repository) -> Iterator[Breach]:
    """Yield services whose folder is not in kebab-case."""
    for service in repository.services:
        if not _KEBAB.match(service.name):
            yield Breach(service.folder, 1, f"`{service.name}` is not in kebab-case")


@checks("STR-05")
def source_folder(repository: Repository) -> Iterator[Breach]:
    """Yield services whose code is not below `src/`."""
    for service in repository.python_services:
        if not repository.tree.has_folder(service.path("src")):
            yield Breach(service.path("src"), 1, "it is not there")
        for path in service.sources:
            name = path.removeprefix(f"{service.folder}/")
            if "/" not in name and name not in _AT_THE_TOP:
                yield Breach(path, 1, "it stands beside `src/`, not in it")


@checks("STR-06")
def tests_folder(repository: Repository) -> Iterator[Breach]:
    """Yield services without `tests/`, and tests that stand elsewhere."""
    for service in repository.python_services:
        if not repository.tree.has_folder(service.path("tests")):
            yield Breach(service.path("tests"), 1, "it is not there")
        for path in service.sources:
            name = path.rsplit("/", 1)[-1]
            names = [one.name for one in repository.python(path).functions]
            is_named = name.startswith("test_") or name.endswith("_test.py")
            if is_named and any(one.startswith("test") for one in names):
                yield Breach(path, 1, "these tests do not stand in `tests/`")


@checks("STR-09")
def shared_code(repository: Repository) -> Iterator[Breach]:
    """Yield libraries that are none, and code that services share by path."""
    for library in repository.libraries:
        if not any(map(repository.tree.has, map(library.path, _PROJECTS))):
            yield Breach(library.path(_PROJECTS[0]), 1, "it is not there")
        for name in ("src", "tests"):
            if not repository.tree.has_folder(library.path(name)):
                yield Breach(library.path(name), 1, "it is not there")
    for service in repository.services:
        for path in service.sources:
            for one in repository.python(path).calls:
                if one.name in {"sys.path.append", "sys.path.insert"}:
                    yield Breach(path, one.line, "it imports by changing `sys.path`")


@checks("STR-10")
def shared_models(repository: Repository) -> Iterator[Breach]:
    """Yield models that two services declare alike, field by field."""
    seen: dict[object, tuple[str, Unit]] = {}
    for service in repository.services:
        for path in service.sources:
            for one in repository.python(path).classes:
                fields = tuple(
                    sorted((each.name, each.annotation) for each in one.fields)
                )
                if len(fields) < _SHARED_LEAST_FIELDS or not one.bases:
                    continue
                where, owner = seen.setdefault((one.name, fields), (path, service))
                if owner is not service:
                    yield Breach(
                        path, one.line, f"{one.name} is declared in {where}, too"
                    )


@checks("STR-11")
def documents_folder(repository: Repository) -> Iterator[Breach]:
    """Yield a repository without documents."""
    if not repository.tree.has_folder("docs"):
        yield Breach("docs", 1, "it is not there")


@checks("STR-12")
def scripts_folder(repository: Repository) -> Iterator[Breach]:
    """Yield scripts that cannot be run, or go on after a mistake."""
    if not repository.tree.has_folder("scripts"):
        yield Breach("scripts", 1, "it is not there")
    for path in repository.tree.below("scripts"):
        if path.count("/") > 1 or not is_shell(repository, path):
            continue
        if not repository.tree.entries[path].is_executable:
            yield Breach(path, 1, "it may not be executed")
        if not _stops_at_mistakes(repository.text(path)):
            yield Breach(
                path, 1, "it goes on after a command that fails: `set -e` is missing"
            )


def _stops_at_mistakes(text: str) -> bool:
    """Return whether a shell script ends with the first command that fails."""
    if re.match(r"#!.*\s-\w*e", text):
        return True
    options = [one.words[1:] for one in commands(text) if one.program == "set"]
    return any(
        "errexit" in words or any(re.match(r"-\w*e", word) for word in words)
        for words in options
    )


@checks("STR-13")
def compose_file(repository: Repository) -> Iterator[Breach]:
    """Yield a repository without a compose file at its root."""
    path = repository.compose_path
    if not repository.tree.has(path):
        yield Breach(path, 1, "it is not there")
    elif not isinstance(repository.yaml(path), Map) or not repository.compose:
        yield Breach(path, 1, "it defines no services")
