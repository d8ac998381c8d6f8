"""Section 7: pytest, three kinds of tests, coverage."""

from collections.abc import Iterator

from fleetwright_cli.standard import _kinds as kinds
from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._rule import Breach, checks
from fleetwright_cli.standard._shapes import value_at
from fleetwright_cli.standard.parsed import Function, Python

LEAST_PERCENT = 80
_CLIENTS = {"httpx", "httpx2"}
_TEST_CLIENTS = {"TestClient", "AsyncClient", "test_client", "serving"}


@checks("TST-01")
def pytest_tests(repository: Repository) -> Iterator[Breach]:
    """Yield services without tests, and tests of other frameworks."""
    if repository.services and not _develops_with(repository, "pytest"):
        yield Breach(
            "requirements-dev.in", 1, "pytest is not among what development needs"
        )
    for service in repository.python_services:
        if not any(True for _ in _tests(repository, service.tests)):
            yield Breach(service.path("tests"), 1, "there is no test in it")
    for unit in repository.units:
        for path in unit.tests:
            facts = repository.python(path)
            for one in facts.classes:
                if any(base.endswith("TestCase") for base in one.bases):
                    yield Breach(path, one.line, f"{one.name} is a `unittest.TestCase`")
            for root in ("nose", "nose2", "testify"):
                if root in facts.roots:
                    yield Breach(path, facts.roots[root], f"{root} is not pytest")


@checks("TST-02")
def unit_tests(repository: Repository) -> Iterator[Breach]:
    """Yield services without tests of single functions and classes."""
    yield from _without(repository, "unit")


@checks("TST-04")
def integration_tests(repository: Repository) -> Iterator[Breach]:
    """Yield services without tests of their work with others."""
    yield from _without(repository, "integration")


@checks("TST-06")
def contract_tests(repository: Repository) -> Iterator[Breach]:
    """Yield services whose contract no test holds them to."""
    for service in repository.services:
        if not list(kinds.promises(repository, service)):
            continue
        named = [path for path in service.tests if "contract" in path.lower()]
        marked = any(
            "contract" in function.name.lower()
            for _, _, function in _tests(repository, service.tests)
        )
        if not named and not marked:
            yield Breach(service.path("tests"), 1, "no test speaks of the contract")


@checks("TST-08")
def coverage_held(repository: Repository) -> Iterator[Breach]:
    """Yield a least coverage below 80 %, or none at all."""
    least = repository.manifest.test.coverage_percent
    said = [("fleet.toml", repository.line_of("fleet.toml", "coverage_percent"), least)]
    for folder in ["", *(unit.folder for unit in repository.units)]:
        path = f"{folder}/pyproject.toml".lstrip("/")
        if repository.tree.has(path):
            report = value_at(repository.toml(path), "tool", "coverage", "report")
            found = value_at(report, "fail_under")
            if isinstance(found, int | float):
                said.append((path, repository.line_of(path, "fail_under"), found))
    for path, line, percent in said:
        if percent < LEAST_PERCENT:
            yield Breach(path, line, f"{percent:g} % is less than {LEAST_PERCENT} %")


@checks("TST-09")
def pytest_cov(repository: Repository) -> Iterator[Breach]:
    """Yield development requirements without pytest-cov."""
    if repository.services and not _develops_with(repository, "pytest-cov"):
        yield Breach(
            "requirements-dev.in", 1, "pytest-cov is not among what development needs"
        )


@checks("TST-10")
def api_tests(repository: Repository) -> Iterator[Breach]:
    """Yield web services whose tests make no request."""
    for service in repository.services:
        if not kinds.frameworks(repository, service) & set(kinds.WEB):
            continue
        if not any(_requests(repository.python(path)) for path in service.tests):
            yield Breach(service.path("tests"), 1, "no test asks it anything by httpx")


def _requests(facts: Python) -> bool:
    """Return whether a test file has a client: httpx, or a framework's own."""
    if facts.roots.keys() & _CLIENTS:
        return True
    taken = {name for one in facts.imports for name in one.names}
    called = {one.name.rsplit(".", 1)[-1] for one in facts.calls}
    return bool((taken | called) & _TEST_CLIENTS)


def _without(repository: Repository, kind: str) -> Iterator[Breach]:
    """Yield services that have no test of a kind: by folder, or by mark."""
    for service in repository.python_services:
        found = any(
            f"/{kind}/" in path
            or any(f"mark.{kind}" in one.name for one in function.decorators)
            or path.endswith(f"test_{kind}.py")
            for path, _, function in _tests(repository, service.tests)
        )
        if not found:
            yield Breach(service.path(f"tests/{kind}"), 1, "there is no test in it")


def _tests(
    repository: Repository, paths: tuple[str, ...]
) -> Iterator[tuple[str, Python, Function]]:
    """Yield the test functions of files."""
    for path in paths:
        facts = repository.python(path)
        for one in facts.functions:
            if one.name.rsplit(".", 1)[-1].startswith("test"):
                yield path, facts, one


def _develops_with(repository: Repository, name: str) -> bool:
    """Return whether a tool is in the requirements of all, or of each service."""
    if name in repository.development:
        return True
    return all(_named(repository, service, name) for service in repository.services)


def _named(repository: Repository, service: Unit, name: str) -> bool:
    """Return whether a requirements file of a service names a distribution."""
    return any(
        name in repository.requirements(path).names
        for path in repository.tree.below(service.folder)
        if "requirements" in path and path.endswith((".in", ".txt"))
    )
