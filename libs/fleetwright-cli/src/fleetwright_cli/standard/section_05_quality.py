"""Section 5: black, ruff and mypy, set up once, run before each commit."""

from collections.abc import Iterator
from typing import Any

from fleetwright_cli.standard._commands import HOOKS, hooks, hooks_in
from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard._rule import Breach, checks
from fleetwright_cli.standard._shapes import list_at, table_at
from fleetwright_cli.standard._templates import instances, rendered, template_folders
from fleetwright_cli.standard.parsed import Map, YamlProblem, commands, read_yaml

PROJECT = "pyproject.toml"
_FAMILIES = ("E", "F", "I", "B", "UP", "S", "ASYNC", "D")
_TOOLS = ("black", "ruff", "mypy")
_BY_DEFAULT = ("E4", "E7", "E9", "F")  # what ruff looks for unless it is told
_OTHER_FORMATTERS = ("yapf", "autopep8", "blue")


@checks("QUA-01")
def one_style(repository: Repository) -> Iterator[Breach]:
    """Yield a root that sets up no style, and units that set up another."""
    tools = _tools(repository)
    for name in ("black", "ruff"):
        if name not in tools and not _has_file(repository, name):
            yield Breach(PROJECT, 1, f"[tool.{name}] is not there")
    for unit in repository.units:
        path = unit.path(PROJECT)
        if repository.tree.has(path):
            own = table_at(repository.toml(path), "tool")
            for name in sorted({"black", "ruff", "mypy"} & own.keys()):
                line = repository.line_of(path, f"[tool.{name}")
                yield Breach(path, line, f"[tool.{name}] differs from the root's")
        for name in ("ruff.toml", ".ruff.toml", "mypy.ini", ".flake8"):
            if repository.tree.has(unit.path(name)):
                yield Breach(unit.path(name), 1, "it sets up a style of its own")


@checks("QUA-02")
def black_formats(repository: Repository) -> Iterator[Breach]:
    """Yield other formatters than black."""
    tools = _tools(repository)
    for name in _OTHER_FORMATTERS:
        if name in tools:
            line = repository.line_of(PROJECT, f"[tool.{name}")
            yield Breach(PROJECT, line, f"{name} is set up beside black")
    for name, entry, line in hooks(repository):
        words = [one.arguments for one in commands(entry)]
        formats = any(one[:2] == ("ruff", "format") for one in words)
        if name in {"ruff-format", *_OTHER_FORMATTERS} or formats:
            yield Breach(HOOKS, line, f"the hook `{name}` formats as black does not")


@checks("QUA-04")
def ruff_sorts_imports(repository: Repository) -> Iterator[Breach]:
    """Yield an order of imports that ruff does not keep."""
    if not _selects(repository, "I"):
        yield Breach(PROJECT, _ruff_line(repository), "ruff does not select `I`")
    if "isort" in _tools(repository):
        yield Breach(
            PROJECT, repository.line_of(PROJECT, "[tool.isort"), "isort is set up"
        )
    for name, _, line in hooks(repository):
        if name == "isort":
            yield Breach(HOOKS, line, "the hook `isort` sorts what ruff sorts")


@checks("QUA-05")
def ruff_families(repository: Repository) -> Iterator[Breach]:
    """Yield families of good practice that ruff is not asked for."""
    missing = [one for one in _FAMILIES if not _selects(repository, one)]
    if missing:
        what = f"ruff does not select {', '.join(missing)}"
        yield Breach(PROJECT, _ruff_line(repository), what)


@checks("QUA-06")
def mypy_is_strict(repository: Repository) -> Iterator[Breach]:
    """Yield a mypy that lets functions without types pass."""
    found = _mypy(repository)
    if found is None:
        yield Breach(PROJECT, 1, "[tool.mypy] is not there")
        return
    path, settings = found
    line = repository.line_of(path, "mypy]")
    if not any(
        _is_on(settings.get(key)) for key in ("strict", "disallow_untyped_defs")
    ):
        yield Breach(path, line, "neither `strict` nor `disallow_untyped_defs` is on")
    for one in [settings, *list_at(settings, "overrides")]:
        if isinstance(one, dict) and _is_on(one.get("ignore_errors")):
            line = repository.line_of(path, "ignore_errors")
            yield Breach(path, line, "`ignore_errors` switches mypy off")


@checks("QUA-07")
def hooks_exist(repository: Repository) -> Iterator[Breach]:
    """Yield a repository without hooks before each commit."""
    if not repository.tree.has(HOOKS):
        yield Breach(HOOKS, 1, "it is not there")
    elif not isinstance(repository.yaml(HOOKS), Map) or not list(hooks(repository)):
        yield Breach(HOOKS, 1, "it has no hooks")


@checks("QUA-08")
def three_hooks(repository: Repository) -> Iterator[Breach]:
    """Yield which of the three tools no hook runs."""
    if not repository.tree.has(HOOKS):
        return
    for tool in _unhooked(list(hooks(repository))):
        yield Breach(HOOKS, 1, f"no hook runs {tool}")


@checks("QUA-09")
def hooks_installed(repository: Repository) -> Iterator[Breach]:
    """Yield a clone whose commits no hook looks at; nobody commits in CI."""
    hook = repository.history.hook
    if hook is not None and repository.tree.has(HOOKS) and "pre-commit" not in hook:
        yield Breach(HOOKS, 1, "`pre-commit install` was not run in this clone")


@checks("QUA-10")
def hooks_in_templates(repository: Repository) -> Iterator[Breach]:
    """Yield templates whose repositories would begin without the three hooks."""
    for folder in template_folders(repository):
        found = list(instances(repository, folder, HOOKS))
        if not found:
            yield Breach(folder, 1, f"what is made from it has no {HOOKS}")
        for path in found:
            try:
                document = read_yaml(rendered(repository.text(path)))
            except YamlProblem as problem:
                yield Breach(path, problem.line, f"it makes no YAML: {problem}")
                continue
            for tool in _unhooked(list(hooks_in(document))):
                yield Breach(path, 1, f"no hook of it runs {tool}")


@checks("QUA-11")
def pre_commit_installed(repository: Repository) -> Iterator[Breach]:
    """Yield development requirements without pre-commit."""
    if "pre-commit" not in repository.development:
        path = "requirements-dev.in"
        yield Breach(path, 1, "pre-commit is not among what development needs")


def _unhooked(found: list[tuple[str, str, int]]) -> Iterator[str]:
    """Yield which of the three tools none of some hooks runs."""
    for tool in _TOOLS:
        known = (tool, f"{tool}-check", f"{tool}-pre-commit-mirror")
        if not any(name in known or _runs(entry, tool) for name, entry, _ in found):
            yield tool


def _runs(entry: str, tool: str) -> bool:
    """Return whether a hook's command runs a tool, or a check that does."""
    for one in commands(entry):
        words = one.arguments
        if words[0] == tool or (words[0] == "fleet" and "--tools" in words):
            return True
    return False


def _tools(repository: Repository) -> dict[str, Any]:
    """Return the tables `[tool.*]` of the root's pyproject.toml."""
    return table_at(repository.toml(PROJECT), "tool")


def _has_file(repository: Repository, name: str) -> bool:
    """Return whether a tool has a file of its own at the root."""
    names = {"ruff": ("ruff.toml", ".ruff.toml"), "black": ()}
    return any(repository.tree.has(one) for one in names[name])


def _ruff(repository: Repository) -> dict[str, Any]:
    """Return the settings of ruff's linter."""
    for name in ("ruff.toml", ".ruff.toml"):
        if repository.tree.has(name):
            found = repository.toml(name)
            return {**found, **table_at(found, "lint")}
    found = table_at(_tools(repository), "ruff")
    return {**found, **table_at(found, "lint")}


def _ruff_line(repository: Repository) -> int:
    """Return where ruff's rules are selected."""
    return repository.line_of(PROJECT, "select = ")


def _selects(repository: Repository, family: str) -> bool:
    """Return whether ruff is asked for a family of rules."""
    settings = _ruff(repository)
    chosen = list_at(settings, "select") if "select" in settings else _BY_DEFAULT
    selected = [*chosen, *list_at(settings, "extend-select")]
    ignored = list_at(settings, "ignore")
    return ("ALL" in selected or family in selected) and family not in ignored


def _mypy(repository: Repository) -> tuple[str, dict[str, Any]] | None:
    """Return mypy's settings and the file they stand in."""
    if "mypy" in _tools(repository):
        return PROJECT, table_at(_tools(repository), "mypy")
    for path in ("mypy.ini", "setup.cfg"):
        lines = repository.text(path).splitlines() if repository.tree.has(path) else []
        if "[mypy]" in (one.strip() for one in lines):
            pairs = (one.partition("=")[::2] for one in lines)
            return path, {key.strip(): value.strip() for key, value in pairs}
    return None


def _is_on(value: Any) -> bool:
    """Return whether a setting is switched on, in TOML or in an ini file."""
    return value is True or (isinstance(value, str) and value.lower() == "true")
