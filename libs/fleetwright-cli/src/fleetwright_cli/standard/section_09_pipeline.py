"""Section 9: six steps, in their order, on every pull request and merge to main."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from fleetwright_cli.standard import _steps as steps
from fleetwright_cli.standard._commands import step_commands
from fleetwright_cli.standard._places import Place
from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard._rule import Breach, checks
from fleetwright_cli.standard.parsed import Job, Map, is_for_main

_WORKFLOWS = ".github/workflows"
_PUSHED = "docker/build-push-action"
_LOGINS = ("docker/login-action", "amazon-ecr-login", "google-github-actions/auth")


class Found(NamedTuple):
    """A step that does one of the six things.

    Attributes:
        job: Its job.
        number: Which step of the job.
        path: Its file.
        line: Its line.
    """

    job: Job
    number: int
    path: str
    line: int


@checks("CIC-01")
def pipeline_exists(repository: Repository) -> Iterator[Breach]:
    """Yield a repository without a pipeline."""
    if not repository.workflows:
        yield Breach(
            _WORKFLOWS, 1, "there is no pipeline, neither GitHub's nor GitLab's"
        )
    elif not repository.jobs:
        yield Breach(repository.workflows[0], 1, "it has no jobs")


@checks("CIC-02")
def on_pull_requests(repository: Repository) -> Iterator[Breach]:
    """Yield a pipeline that pull requests do not set off, or not all of them."""
    jobs = repository.jobs
    if not jobs:
        return
    if not any("pull_request" in job.on for job in jobs):
        yield Breach(jobs[0].path, 1, "no pull request sets a pipeline off")
    for job in {job.path: job for job in jobs}.values():
        event = job.on.get("pull_request")
        is_narrow = isinstance(event, Map) and {"paths", "paths-ignore"} & event.keys()
        if is_narrow and not (
            _has_sibling(repository, job) or _is_narrowed(repository, job)
        ):
            what = "pull requests that touch other paths are not looked at"
            yield Breach(job.path, event.line if event else 1, what)


@checks("CIC-03")
def on_main(repository: Repository) -> Iterator[Breach]:
    """Yield a pipeline that a merge to main does not set off."""
    jobs = repository.jobs
    if jobs and not any(_runs_on_main(job) for job in jobs):
        yield Breach(jobs[0].path, 1, "a merge to main sets no pipeline off")


@checks("CIC-04")
def installs(repository: Repository) -> Iterator[Breach]:
    """Yield a pipeline that installs nothing from locks."""
    yield from _expected(
        repository, steps.installs_locked, "no step installs the locked requirements"
    )


@checks("CIC-05")
def runs_black(repository: Repository) -> Iterator[Breach]:
    """Yield a pipeline without black."""
    yield from _expected(
        repository, steps.runs("black"), "no step runs `black --check`"
    )


@checks("CIC-06")
def runs_ruff(repository: Repository) -> Iterator[Breach]:
    """Yield a pipeline without ruff."""
    yield from _expected(repository, steps.runs("ruff"), "no step runs `ruff check`")


@checks("CIC-07")
def runs_mypy(repository: Repository) -> Iterator[Breach]:
    """Yield a pipeline without mypy."""
    yield from _expected(repository, steps.runs("mypy"), "no step runs `mypy`")


@checks("CIC-08")
def runs_tests(repository: Repository) -> Iterator[Breach]:
    """Yield a pipeline whose tests do not count what they run."""
    yield from _expected(
        repository, steps.counts_tests, "no step runs `pytest --cov` or `fleet test`"
    )


@checks("CIC-09")
def runs_all_tests(repository: Repository) -> Iterator[Breach]:
    """Yield services and libraries whose tests no job reaches."""
    found = list(_steps(repository, steps.runs_tests))
    if not found:
        return
    reached = " ".join(
        word for one in found for word in [*one.job.matrix, *_words(repository, one)]
    )
    if _reaches_all(repository, found):
        return
    for unit in repository.units:
        if unit.tests and unit.name not in reached.replace("/", " ").split():
            yield Breach(
                found[0].path, found[0].line, f"the tests of {unit.name} are not run"
            )


@checks("CIC-10")
def builds_images(repository: Repository) -> Iterator[Breach]:
    """Yield services whose image no job builds."""
    found = list(_steps(repository, steps.builds_images)) + list(
        _uses(repository, _PUSHED)
    )
    if not found:
        yield from _expected(
            repository, steps.builds_images, "no step builds the images"
        )
        return
    text = " ".join(
        word for one in found for word in [*one.job.matrix, *_words(repository, one)]
    )
    words = text.replace("/", " ").replace(":", " ").split()
    if {"compose", "docker-compose", "bake", "fleet"} & set(
        words
    ) or "services/*" in text:
        return
    for service in repository.services:
        if service.name not in words:
            yield Breach(
                found[0].path,
                found[0].line,
                f"the image of {service.name} is not built",
            )


@checks("CIC-11")
def pushes_on_main_only(repository: Repository) -> Iterator[Breach]:
    """Yield images that are pushed from anywhere, or never."""
    found = list(_pushes(repository))
    if not found:
        yield from _expected(
            repository, steps.pushes_images, "no step pushes the images"
        )
    for one in found:
        step = one.job.steps[one.number]
        said = [step.only_if, one.job.only_if, step.settings.get("push", "")]
        if not any(map(is_for_main, said)) and not _only_main(one.job):
            yield Breach(
                one.path, step.line, "images are pushed from other branches than main"
            )


@checks("CIC-12")
def pushes_to_registry(repository: Repository) -> Iterator[Breach]:
    """Yield pushes without a login to a registry."""
    for one in _pushes(repository):
        commands = list(_places(repository, one.job))
        logs_in = any(
            place.command.arguments[:2] in (("docker", "login"), ("podman", "login"))
            or "get-login-password" in place.command.words
            for place in commands
        )
        uses = any(name in step.uses for step in one.job.steps for name in _LOGINS)
        if not logs_in and not uses:
            yield Breach(one.path, one.line, "it pushes without a login to a registry")


@checks("CIC-13")
def deploys(repository: Repository) -> Iterator[Breach]:
    """Yield a pipeline that ends before anything is deployed."""
    if repository.jobs and not list(_deployments(repository)):
        yield Breach(repository.jobs[0].path, 1, "no job deploys what was built")


@checks("CIC-14")
def deploys_somewhere(repository: Repository) -> Iterator[Breach]:
    """Yield deployments that do not say where to."""
    for job in _deployments(repository):
        if not job.environment and not job.uses:
            yield Breach(job.path, job.line, f"job {job.name} names no `environment:`")


@checks("CIC-15")
def in_order(repository: Repository) -> Iterator[Breach]:
    """Yield steps that do not wait for those before them."""
    jobs = {job.name: job for job in repository.jobs}
    quality = [
        one
        for name in ("black", "ruff", "mypy")
        for one in _steps(repository, steps.runs(name))
    ]
    tests = list(_steps(repository, steps.runs_tests))
    builds = list(_steps(repository, steps.builds_images)) + list(
        _uses(repository, _PUSHED)
    )
    pushes = list(_pushes(repository))
    deployed = [
        Found(job, len(job.steps), job.path, job.line)
        for job in _deployments(repository)
    ]
    stages = (
        ("the checks", quality, "images are built", builds),
        ("the tests", tests, "images are built", builds),
        ("the images are built", builds, "they are pushed", pushes),
        ("the images are pushed", pushes, "they are deployed", deployed),
    )
    for before, first, after, second in stages:
        for late in second[:1]:
            if first and not any(_waits(late, early, jobs) for early in first):
                yield Breach(
                    late.path, late.line, f"{after} without waiting until {before}"
                )


def _waits(late: Found, early: Found, jobs: dict[str, Job]) -> bool:
    """Return whether a step comes after another: in its job, or through `needs`."""
    if late.job is early.job:
        return early.number <= late.number
    waiting, seen = list(late.job.needs), set()
    while waiting:
        name = waiting.pop()
        if name == early.job.name:
            return True
        if name not in seen and name in jobs:
            seen.add(name)
            waiting += jobs[name].needs
    return False


def _steps(repository: Repository, fits: Callable[[Place], bool]) -> Iterator[Found]:
    """Yield the steps with a command that fits."""
    for job in repository.jobs:
        for number, step in enumerate(job.steps):
            if any(map(fits, step_commands(repository, job, step))):
                yield Found(job, number, job.path, step.line)


def _uses(repository: Repository, *actions: str) -> Iterator[Found]:
    """Yield the steps that use an action."""
    for job in repository.jobs:
        for number, step in enumerate(job.steps):
            if any(name in step.uses for name in actions):
                yield Found(job, number, job.path, step.line)


def _expected(
    repository: Repository, fits: Callable[[Place], bool], what: str
) -> Iterator[Breach]:
    """Yield a pipeline of which no step fits."""
    jobs = repository.jobs
    if jobs and not list(_steps(repository, fits)):
        asked = [job for job in jobs if "pull_request" in job.on] or jobs
        ours = [job for job in asked if not _is_narrowed(repository, job)]
        yield Breach(max(ours or asked, key=_runs).path, 1, what)


def _runs(job: Job) -> int:
    """Return how many of a job's steps run something."""
    return sum(bool(step.run) for step in job.steps)


def _places(repository: Repository, job: Job) -> Iterator[Place]:
    """Yield all commands of a job."""
    for step in job.steps:
        yield from step_commands(repository, job, step)


def _words(repository: Repository, found: Found) -> Iterator[str]:
    """Yield the words of a step's commands, and what its action is given."""
    step = found.job.steps[found.number]
    yield from step.settings.values()
    for place in step_commands(repository, found.job, step):
        yield from place.command.words


def _reaches_all(repository: Repository, found: list[Found]) -> bool:
    """Return whether one of the steps runs every test there is."""
    for one in found:
        for place in step_commands(repository, one.job, one.job.steps[one.number]):
            words = place.command.arguments
            named = [word for word in words[2:] if not word.startswith("-")]
            if words[:2] == ("fleet", "test") and not named:
                return True
            if "services/*" in " ".join(words) or (
                words[0] == "pytest"
                and not [w for w in words[1:] if not w.startswith("-")]
            ):
                return True
    return False


def _pushes(repository: Repository) -> Iterator[Found]:
    """Yield the steps that push images."""
    yield from _steps(repository, steps.pushes_images)
    for one in _uses(repository, _PUSHED):
        if one.job.steps[one.number].settings.get("push", "false") != "false":
            yield one


def _deployments(repository: Repository) -> Iterator[Job]:
    """Yield the jobs that deploy: by their name, their environment or their tools."""
    for job in repository.jobs:
        places = list(_places(repository, job))
        named = "deploy" in job.name.lower() and not steps.only_computes(job, places)
        if job.environment or named or any(map(steps.deploys, places)):
            yield job


def _runs_on_main(job: Job) -> bool:
    """Return whether a push to main sets a job off."""
    if "push" not in job.on:
        return False
    event = job.on["push"]
    branches = event.get("branches") if isinstance(event, Map) else None
    if isinstance(event, Map) and branches is None:
        return "tags" not in event
    return not isinstance(branches, list) or any(
        one in ("main", "master", "**") for one in branches
    )


def _only_main(job: Job) -> bool:
    """Return whether nothing but a push to main sets a job off."""
    event = job.on.get("push")
    branches = event.get("branches") if isinstance(event, Map) else None
    only = isinstance(branches, list) and all(
        one in ("main", "master") for one in branches
    )
    return only and not {"pull_request", "pull_request_target"} & job.on.keys()


def _is_narrowed(repository: Repository, job: Job) -> bool:
    """Return whether a job is for changes that touch no service and no library."""
    event = job.on.get("pull_request")
    paths = event.get("paths") if isinstance(event, Map) else None
    if not isinstance(paths, list):
        return False
    beginnings = [str(one).removeprefix("./").partition("*")[0] for one in paths]
    return not any(
        unit.folder.startswith(one) or one.startswith(f"{unit.folder}/")
        for unit in repository.units
        for one in beginnings
    )


def _has_sibling(repository: Repository, job: Job) -> bool:
    """Return whether another file looks at every pull request."""
    return any(
        other.path != job.path
        and "pull_request" in other.on
        and not (
            isinstance(other.on["pull_request"], Map)
            and {"paths", "paths-ignore"} & other.on["pull_request"].keys()
        )
        for other in repository.jobs
    )
