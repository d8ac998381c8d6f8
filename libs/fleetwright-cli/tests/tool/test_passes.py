"""fleet test: what passed with the same inputs is not run again."""

import os
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli.affected import Inputs, Passes, covered_before
from fleetwright_cli.fleet import discover
from fleetwright_cli.standard import open_repository
from fleetwright_cli.suite_report import Coverage, Result
from fleetwright_cli.suite_runs import Options
from fleetwright_cli.suites import suites_of

if TYPE_CHECKING:
    from tool.conftest import Kept, Shop

TEST = "import money\n\n\ndef test_sum():\n    assert money.SUM == 1\n"


@pytest.fixture
def library(shop: "Shop", kept: "Kept") -> "Kept":
    """Give a library that another one uses, with a test each; in git."""
    shop.add_library("money", "SUM = 1\n")
    shop.add_library("tills", "from money import SUM\n")
    manifest = "[project]\nname = 'tills'\nversion = '1'\ndependencies = ['money']\n"
    shop.write("libs/tills/pyproject.toml", manifest)
    shop.write("libs/money/tests/test_sum.py", TEST)
    shop.write("libs/tills/tests/test_till.py", "def test_till():\n    pass\n")
    shop.write(".gitignore", ".fleet/\n.env\n__pycache__/\n")
    kept.begin()
    return kept


def digests(
    library: "Kept", options: Options | None = None, **environment: str
) -> dict[str, str]:
    """Return the digest of each suite's inputs."""
    root = library.shop.root
    inputs = Inputs(open_repository(root), environment)
    how = options or Options(root)
    return {
        one.name: inputs.digest(one, how, 90) for one in suites_of(discover(root), [])
    }


def same(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return the suites whose inputs are the same."""
    return [name for name in one if one[name] == other[name]]


def passed(name: str = "money", output: str = "") -> Result:
    """Return a suite that passed."""
    counts = {"passed": 2, "skipped": 1}
    return Result(name, 0, counts, 3.0, Coverage(95.0), output)


@pytest.mark.parametrize(
    ("path", "same_for"),
    [
        ("libs/money/src/money/__init__.py", []),
        ("libs/money/src/money/rates.csv", []),
        ("libs/money/tests/data.txt", ["tills"]),
        ("libs/money/README.md", ["tills"]),
        ("libs/tills/tests/test_till.py", ["money"]),
        ("requirements-dev.txt", []),
        ("pyproject.toml", []),
        ("docs/page.md", ["money", "tills"]),
    ],
)
def test_own_files_libraries_locks_and_settings_are_inputs(
    library: "Kept", path: str, same_for: list[str]
) -> None:
    """A change of one of them runs the suite again; nothing else does."""
    before = digests(library)
    library.change(path, "\n")

    assert same(before, digests(library)) == same_for


def test_contracts_of_whom_a_service_calls_and_hears_are_inputs(
    shop: "Shop", kept: "Kept"
) -> None:
    """So is the code of whom it calls, while no contract is kept."""
    for name in ("orders", "prices"):
        shop.add_service(name)
        shop.write(f"services/{name}/requirements.txt", "")
    shop.write("services/orders/src/orders/app.py", 'rest(Prices, provider="prices")\n')
    shop.write("services/prices/src/prices/app.py", "APP = 1\n")
    before = digests(kept)
    kept.change("services/prices/src/prices/app.py")

    assert same(before, digests(kept)) == []

    kept.change("services/prices/contracts/openapi.json", "{}")
    before = digests(kept)
    kept.change("services/prices/src/prices/app.py")

    assert same(before, digests(kept)) == ["orders"]

    kept.change("services/prices/contracts/openapi.json", " ")

    assert same(before, digests(kept)) == []


def test_tests_that_look_around_have_everything_as_input(library: "Kept") -> None:
    """Whatever they read may have changed."""
    text = "from pathlib import Path\n\nROOT = Path(__file__).parents[3]\nlook(ROOT)\n"
    library.change("libs/money/tests/test_looks.py", text)
    before = digests(library)
    library.change("docs/page.md", "\n")

    assert same(before, digests(library)) == ["tills"]


def test_test_that_starts_a_run_is_no_input(library: "Kept") -> None:
    """Pytest names it to all its children, and none of them reads that."""
    one = digests(library, PYTEST_CURRENT_TEST="test_a.py::test_a (setup)")
    other = digests(library, PYTEST_CURRENT_TEST="test_b.py::test_b (call)")

    assert same(one, other) == ["money", "tills"]


def test_check_knows_what_passed_in_another_test(
    shop: "Shop", kept: "Kept", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `fleet test` kept in one test holds for `fleet check` in the next."""
    shop.add_service("orders")
    shop.write("services/orders/requirements.txt", "")
    shop.write(".gitignore", ".fleet/\n")
    kept.begin()
    suites = suites_of(discover(shop.root), ["orders"])
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_a.py::test_a (setup)")
    inputs = Inputs(open_repository(shop.root), os.environ)
    digest = inputs.digest(suites[0], Options(shop.root), 90)
    Passes(shop.root).note(passed("orders"), digest, 90)

    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_b.py::test_b (call)")

    found = covered_before(open_repository(shop.root), suites, 90)
    assert found == {"orders": 95.0}


def test_server_is_an_input_by_being_there(library: "Kept") -> None:
    """Where it is does not matter: it gets another port each time."""
    absent = digests(library)
    there = digests(library, TEST_RABBIT_URL="amqp://localhost:1")
    moved = digests(library, TEST_RABBIT_URL="amqp://localhost:2")

    assert same(absent, there) == []
    assert same(there, moved) == ["money", "tills"]


def test_variable_that_a_file_names_is_an_input(library: "Kept") -> None:
    """In any case of letters: settings are fields of that name."""
    library.change("libs/tills/src/tills/settings.py", "rate_percent: int = 1\n")

    one = digests(library, RATE_PERCENT="1", UNHEARD_OF="1")
    other = digests(library, RATE_PERCENT="2", UNHEARD_OF="2")

    assert same(one, other) == ["money"]
    assert same(one, digests(library, RATE_PERCENT="1", FLEET_REQUIRE="1")) == []


def test_local_settings_are_an_input(library: "Kept") -> None:
    """Git does not see `.env`, the tests may."""
    before = digests(library)
    library.change("libs/money/.env", "RATE=1\n")

    assert same(before, digests(library)) == ["tills"]


def test_how_a_suite_is_run_is_an_input(library: "Kept") -> None:
    """A pass without coverage does not stand for one with it."""
    plain = Options(library.shop.root, coverage=False)

    assert same(digests(library), digests(library, plain)) == []


def test_pass_is_found_by_its_digest_with_all_it_said(shop: "Shop") -> None:
    """Counts and coverage are those of the run; nothing took any time."""
    passes = Passes(shop.root)

    passes.note(passed(), "a" * 64, 90)

    found = passes.find("money", "a" * 64)
    assert found is not None
    assert found.counts == {"passed": 2, "skipped": 1}
    assert found.complaint(90) is None
    assert found.coverage == Coverage(95.0)
    assert (found.seconds, found.passed_before) == (0.0, "a" * 12)
    assert passes.find("money", "b" * 64) is None
    assert passes.find("tills", "a" * 64) is None


@pytest.mark.parametrize(
    "bad",
    [
        Result("money", 1, {"failed": 1}),
        Result("money", -9, {"error": 1}),
        Result("money", 5),
        Result("money", 0, {"passed": 1}, 0.0, Coverage(50.0)),
    ],
)
def test_failure_is_never_kept_and_takes_back_a_pass(shop: "Shop", bad: Result) -> None:
    """A test that fails now and then is run until it is mended."""
    passes = Passes(shop.root)
    passes.note(passed(), "a", 90)

    passes.note(bad, "a", 90)

    assert passes.find("money", "a") is None


def test_skip_that_nobody_can_foresee_is_not_kept(shop: "Shop") -> None:
    """A missing server is known by its variable; a missing browser is not."""
    passes = Passes(shop.root)

    passes.note(passed(output="SKIPPED [1] tests/a.py:1: no TEST_RABBIT_URL"), "a", 90)
    passes.note(passed(output="SKIPPED [1] tests/a.py:1: no browser"), "b", 90)

    assert passes.find("money", "a") is not None
    assert passes.find("money", "b") is None


def test_oldest_passes_are_forgotten(shop: "Shop") -> None:
    """Some branches back and forth are remembered, not all there ever were."""
    passes = Passes(shop.root)

    for number in range(20):
        passes.note(passed(), str(number), 90)

    assert passes.find("money", "3") is None
    assert passes.find("money", "4") is not None


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', '{"a": {}}', ""])
def test_broken_cache_is_no_cache(shop: "Shop", content: str) -> None:
    """It is written anew; nothing of it is run or believed."""
    passes = Passes(shop.root)
    shop.write(".fleet/cache/tests/money.json", content)

    assert passes.find("money", "a") is None

    passes.note(passed(), "a", 90)

    assert passes.find("money", "a") is not None


def test_command_leaves_out_what_passed_and_runs_what_a_change_concerns(
    library: "Kept", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each says why; a cache that is committed is not believed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    source = library.shop.root / "libs/money/src"
    settings = f"[tool.pytest.ini_options]\npythonpath = ['{source}']\n"
    library.shop.write("pyproject.toml", settings)
    library.shop.write("libs/tills/tests/test_sum.py", f"import tills\n{TEST}")
    library.commit()

    first = library.shop.fleet("test", "--no-coverage")
    second = library.shop.fleet("test", "--no-coverage")

    assert first.code == second.code == 0, first.err + second.err
    assert "money: 1 passed - passed before (" in second.err
    assert "servers for the tests" not in second.err
    assert second.out.splitlines()[-1].endswith("(3 passed before, unchanged)")

    library.change("libs/money/src/money/__init__.py", "SUM = 2\n")
    third = library.shop.fleet("test", "--affected", "--no-coverage")

    why = "libs/money <- changed (libs/money/src/money/__init__.py)"
    assert third.code == 1
    assert "1 changed file since main (" in third.err
    assert f"  tills: {why} (1 of 2 test files)\n" in third.err
    assert third.out.splitlines()[-1].startswith("2 failed in ")

    library.git("checkout", "--quiet", ".")
    library.git("add", "--force", ".fleet/cache")
    last = library.shop.fleet("test", "tills", "--no-coverage", "--json")

    assert last.document["suites"][0]["passed_before"] is None


def test_affected_by_nothing_is_done_at_once(library: "Kept") -> None:
    """Nothing to test is no failure."""
    answer = library.shop.fleet("test", "--affected", "--json")

    assert answer.code == 0
    assert "no test can tell" in answer.err
    assert answer.document["affected"]["chosen"] == answer.document["suites"] == []


def test_matrix_is_one_line_for_a_pipeline(library: "Kept") -> None:
    """Nothing is run; affected ones alone when asked."""
    library.shop.add_service("orders")
    library.shop.write("services/orders/requirements.txt", "")
    library.commit()
    library.change("services/orders/src/orders/app.py")

    every = library.shop.fleet("test", "--matrix", "json")
    affected = library.shop.fleet("test", "--affected", "--matrix", "services")

    assert every.out.count("\n") == 1
    assert every.document["include"] == [
        {"owner": "money", "kind": "library"},
        {"owner": "tills", "kind": "library"},
        {"owner": "orders", "kind": "service"},
    ]
    assert affected.document == ["orders"]
