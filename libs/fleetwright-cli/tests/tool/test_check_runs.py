"""`fleet check --tools`: what is seen only when something is run, by its examples."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli.standard import open_repository, rules
from fleetwright_cli.standard._closure import unlocked
from fleetwright_cli.standard._examples import files_of
from fleetwright_cli.standard._test_runs import test_breaches as breaches
from fleetwright_cli.standard._tools import _ruff

if TYPE_CHECKING:
    from tool.conftest import Shop

UNIT = "services/billing/tests/unit/test_words.py"


def laid(small: "Shop", example: str) -> "Shop":
    """Return the small fleet with an example laid over it."""
    for path, content in files_of(example).items():
        small.write(path, content or "")
    return small


def named(identity: str, example: str) -> str:
    """Return an example with a file of its own, so that several lie beside another."""
    own = f"test_{identity.lower().replace('-', '_')}"
    return example.replace("test_words.py", f"{own}.py")


def told(small: "Shop", **passed: float) -> set[tuple[str, str, int]]:
    """Return what the tests say when they are run: rule, path, line."""
    repository = open_repository(small.root)
    pythons = {"billing": Path(sys.executable)}
    found = breaches(repository, pythons, lambda text: None, passed)
    return {(rule, breach.path, breach.line) for rule, breach in found}


def test_good_examples_of_tests_pass(small: "Shop") -> None:
    """What the standard asks for is not called a breach, by none of the rules."""
    for identity in ("TST-03", "TST-11", "TST-12"):
        laid(small, named(identity, rules()[identity].good))

    assert told(small) == set()


def test_bad_examples_of_tests_are_caught(small: "Shop") -> None:
    """Each at its place, also where a test swallows the refusal; lines not run, too."""
    for identity in ("TST-03", "TST-11"):
        laid(small, named(identity, rules()[identity].bad))
    lines = "".join(f"    x = {one}\n" for one in range(60))
    small.write("services/billing/src/billing/more.py", f"def more() -> None:\n{lines}")

    assert told(small) == {
        ("TST-03", "services/billing/tests/unit/test_tst_03.py", 6),
        ("TST-11", "services/billing/tests/unit/test_tst_11.py", 1),
        ("TST-08", "services/billing/tests", 1),
    }


def test_coverage_that_cannot_be_asked_for_is_told(small: "Shop") -> None:
    """Without pytest-cov, `pytest --cov=src` is a usage error."""
    laid(small, rules()["TST-12"].bad)

    assert ("TST-12", "services/billing/tests", 1) in told(small)


def test_tests_that_passed_before_are_not_run_again(small: "Shop") -> None:
    """But for the unit tests: whether they are alone, `fleet test` does not tell."""
    for identity in ("TST-03", "TST-11"):
        laid(small, named(identity, rules()[identity].bad))
    alone = ("TST-03", "services/billing/tests/unit/test_tst_03.py", 6)

    assert told(small, billing=95.0) == {alone}
    assert told(small, billing=60.0) == {
        alone,
        ("TST-08", "services/billing/tests", 1),
    }

    laid(small, rules()["TST-12"].bad)

    assert told(small, billing=95.0) == {("TST-12", "services/billing/tests", 1)}


INSIDE = (
    "__import__('sqlite3').connect(':memory:').close()",
    "[one.close() for one in __import__('socket').socketpair()]",
    "__import__('asyncio').run(__import__('asyncio').sleep(0))",
    "open('/dev/null', 'w').close()",
    "open(__file__).close()",
)
OUTSIDE = (
    "__import__('subprocess').run(['true'])",
    "__import__('os').system('true')",
    "open('left-behind.txt', 'w').close()",
    "__import__('os').mkdir('left-behind')",
    "__import__('sqlite3').connect('left.db')",
    "__import__('socket').getaddrinfo('localhost', 80)",
)


def test_unit_tests_are_alone_or_not(outside: "Shop") -> None:
    """The network, processes and files are out of reach; a loop and a pipe are not."""
    bodies = [*INSIDE, *OUTSIDE]
    tests = [f"def test_{n}() -> None:\n    {one}\n" for n, one in enumerate(bodies)]
    outside.write(UNIT, "\n".join(tests))

    found = {line for rule, path, line in told(outside) if rule == "TST-03"}

    assert found == {3 * bodies.index(one) + 1 for one in OUTSIDE}


def test_conftest_that_cannot_be_imported_is_told(small: "Shop") -> None:
    """Tests that never begin fail, too."""
    small.write("services/billing/tests/conftest.py", "import nowhere\n")

    assert ("TST-11", "services/billing/tests", 1) in told(small)


@pytest.mark.parametrize(("kind", "count"), [("good", 0), ("bad", 2)])
def test_example_of_readable_names(small: "Shop", kind: str, count: int) -> None:
    """PHI-02 sees names of another style and code that is commented out."""
    laid(small, getattr(rules()["PHI-02"], kind))

    assert len(list(_ruff(small.root, "--select", "N,ERA"))) == count


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Give the interpreter of an environment with a wallet that needs coins."""
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for name, needs in (
        ("wallet", ("coins", "paper; extra == 'notes'", "x; python_version < '3'")),
        ("coins", ()),
    ):
        folder = packages / f"{name}-1.0.dist-info"
        folder.mkdir(parents=True)
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        lines = "".join(f"Requires-Dist: {one}\n" for one in needs)
        (folder / "METADATA").write_text(head + lines, "utf-8")
    return tmp_path / "bin" / "python"


@pytest.mark.parametrize(
    ("wanted", "locked", "missing"),
    [
        (None, rules()["DEP-05"].good, set()),
        (None, rules()["DEP-05"].bad, {"coins, which wallet needs, is not in it"}),
        ("wallet[notes]\n", rules()["DEP-05"].good, {"paper, which wallet needs"}),
        ("wallet[notes]\n", "wallet==2.0\n", set()),
    ],
)
def test_lock_that_leaves_something_out_is_told(
    small: "Shop", environment: Path, wanted: str | None, locked: str, missing: set[str]
) -> None:
    """With its extras, for this machine; what is not installed is not known."""
    if "---" not in locked:
        locked = f"--- services/billing/requirements.txt\n{locked}"
    laid(small, locked)
    if wanted:
        small.write("services/billing/requirements.in", wanted)
    repository = open_repository(small.root)

    found = unlocked(repository, repository.services[0], environment)

    whats = [breach.what for _, breach in found]
    assert len(whats) == len(missing)
    assert all(one in what for one, what in zip(sorted(missing), whats, strict=True))


@pytest.fixture
def outside(small: "Shop") -> Iterator["Shop"]:
    """Give the small fleet in a folder that is not one for temporary files."""
    place = Path.home() / f".fleet-check-{small.root.name}"
    shutil.copytree(small.root, place)
    yield type(small)(place)
    shutil.rmtree(place)
