"""GitHub workflows and GitLab pipelines as one thing: jobs of steps, in order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fleetwright_cli.standard.parsed._yaml import Map

_NOT_JOBS = {
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "pages",
    "services",
    "spec",
    "stages",
    "variables",
    "workflow",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job.

    Attributes:
        line: Where it stands.
        run: The shell text it runs.
        uses: The action it uses.
        only_if: Its condition.
        settings: What the action is given.
        folder: Where it is run, below the root.
    """

    line: int
    run: str = ""
    uses: str = ""
    only_if: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    folder: str = ""


@dataclass(slots=True)
class Job:
    """One job.

    Attributes:
        path: The file it stands in.
        name: Its key.
        line: Where it stands.
        steps: What it does, in order.
        needs: Jobs that must have ended before.
        only_if: Its condition; for GitLab its rules.
        environment: Where it deploys to; empty when it says nothing.
        matrix: The values it is run for.
        on: What sets its file off.
        uses: The workflow it calls.
    """

    path: str
    name: str
    line: int
    steps: list[Step] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    only_if: str = ""
    environment: str = ""
    matrix: list[str] = field(default_factory=list)
    on: dict[str, Any] = field(default_factory=dict)
    uses: str = ""


def github_jobs(path: str, document: Any) -> Iterator[Job]:
    """Yield the jobs of a GitHub workflow.

    Args:
        path: Its file.
        document: Its YAML.
    """
    if not isinstance(document, Map) or not isinstance(document.get("jobs"), Map):
        return
    on = _events(document.get("on"))
    for name, job in document["jobs"].items():
        if not isinstance(job, Map):
            continue
        steps = job.get("steps")
        folder = _folder(job.get("defaults")) or _folder(document.get("defaults"))
        yield Job(
            path=path,
            name=name,
            line=document["jobs"].line_of(name),
            steps=[_step(one, folder) for one in _list(steps) if isinstance(one, Map)],
            needs=[str(one) for one in _list(job.get("needs"))],
            only_if=_text(job.get("if")),
            environment=_environment(job.get("environment")),
            matrix=sorted(_matrix(job.get("strategy"))),
            on=on,
            uses=_text(job.get("uses")),
        )


def gitlab_jobs(path: str, document: Any) -> Iterator[Job]:
    """Yield the jobs of a GitLab pipeline.

    Args:
        path: Its file.
        document: Its YAML.
    """
    if not isinstance(document, Map):
        return
    stages = [str(one) for one in _list(document.get("stages"))]
    jobs: dict[str, str] = {}
    for name, job in document.items():
        if name in _NOT_JOBS or name.startswith(".") or not isinstance(job, Map):
            continue
        stage = _text(job.get("stage")) or "test"
        before = stages[: stages.index(stage)] if stage in stages else []
        needs = [
            _text(one.get("job")) if isinstance(one, Map) else _text(one)
            for one in _list(job.get("needs"))
        ]
        line = document.line_of(name)
        script = [
            _text(one)
            for key in ("before_script", "script")
            for one in _list(job.get(key))
        ]
        rules = [
            _text(one.get("if"))
            for one in _list(job.get("rules"))
            if isinstance(one, Map)
        ]
        yield Job(
            path=path,
            name=name,
            line=line,
            steps=[Step(job.line_of("script"), run=one) for one in script],
            needs=needs or [one for one, of in jobs.items() if of in before],
            only_if=" || ".join(filter(None, rules)) or _only(job.get("only")),
            environment=_environment(job.get("environment")),
            matrix=sorted(_texts(job.get("parallel"))),
            on={"pull_request": None, "push": None},
        )
        jobs[name] = stage


def is_for_main(condition: str) -> bool:
    """Return whether a condition holds on the main branch and on no other.

    Args:
        condition: Of a step, a job, or GitLab's rules.
    """
    return bool(
        re.search(
            r"(github\.ref\s*==\s*'refs/heads/(main|master)')"
            r"|(github\.ref_name\s*==\s*'(main|master)')"
            r"|(\$CI_COMMIT_(BRANCH|REF_NAME)\s*==\s*"
            r"(\$CI_DEFAULT_BRANCH|[\"'](main|master)[\"']))"
            r"|(^(main|master)$)",
            condition,
        )
    )


def _folder(defaults: Any) -> str:
    """Return where steps are run that do not say so themselves."""
    run = defaults.get("run") if isinstance(defaults, Map) else None
    return _text(run.get("working-directory")) if isinstance(run, Map) else ""


def _step(raw: Map, folder: str) -> Step:
    """Return one step of GitHub's."""
    given = raw.get("with")
    settings = (
        {key: _text(one) for key, one in given.items()}
        if isinstance(given, Map)
        else {}
    )
    line = raw.line_of("run" if "run" in raw else "uses")
    return Step(
        line,
        _text(raw.get("run")),
        _text(raw.get("uses")),
        _text(raw.get("if")),
        settings,
        _text(raw.get("working-directory")) or folder,
    )


def _events(on: Any) -> dict[str, Any]:
    """Return what sets a workflow off, by name."""
    if isinstance(on, Map):
        return dict(on)
    return {str(one): None for one in _list(on)}


def _environment(raw: Any) -> str:
    """Return the name of an environment, written in either form."""
    return _text(raw.get("name")) if isinstance(raw, Map) else _text(raw)


def _matrix(strategy: Any) -> Iterator[str]:
    """Yield every value of a matrix."""
    if isinstance(strategy, Map):
        yield from _texts(strategy.get("matrix"))


def _texts(value: Any) -> Iterator[str]:
    """Yield every text inside a value; what is shared is seen once."""
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif id(one) not in seen:
            seen.add(id(one))
            waiting += one.values() if isinstance(one, Map) else _list(one)


def _only(raw: Any) -> str:
    """Return the branches of GitLab's older `only:` when there is just one."""
    found = _list(raw)
    return _text(found[0]) if len(found) == 1 else ""


def _list(value: Any) -> list[Any]:
    """Return a list as it is, one value as a list, nothing as an empty one."""
    if isinstance(value, list):
        return value
    return [] if value is None or isinstance(value, Map) else [value]


def _text(value: Any) -> str:
    """Return a scalar as text; empty for all else."""
    return (
        value
        if isinstance(value, str)
        else str(value).lower() if isinstance(value, bool) else ""
    )
