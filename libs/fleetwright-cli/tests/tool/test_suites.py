"""fleet test: which tests there are, how they run, what is told."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.fleet import discover
from fleetwright_cli.suite_report import Coverage, Result, counts, spans, words
from fleetwright_cli.suite_runs import Options, Output, SuiteRuns
from fleetwright_cli.suites import Suite, suites_of

if TYPE_CHECKING:
    from tool.conftest import Shop

CODE = "def double(n):\n    return 2 * n\n\n\ndef half(n):\n    return n / 2\n"
GOOD = (
    "import shop_stock\n\n\ndef test_double():\n    assert shop_stock.double(2) == 4\n"
)
WHOLE = GOOD + "\n\ndef test_half():\n    assert shop_stock.half(2) == 1\n"
BAD = "def test_no():\n    assert 'what' == 'was wanted'\n"


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a pytest without the plugins of this environment: it starts at once."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def suite(shop: "Shop", content: str = WHOLE) -> Suite:
    """Return the suite of a library with the given tests."""
    shop.add_library("shop-stock", CODE)
    shop.write("libs/shop-stock/tests/test_stock.py", content)
    return suites_of(discover(shop.root), ["shop-stock"])[0]


def run(shop: "Shop", content: str = WHOLE, expression: str | None = None) -> Result:
    """Return what comes out of a library's tests."""
    options = Options(shop.root, expression=expression)
    with SuiteRuns(options) as runs:
        return runs.run(suite(shop, content))


def test_libraries_services_and_the_whole_are_found_in_this_order(
    shop: "Shop",
) -> None:
    """Each has its own interpreter: services those of their test environments."""
    shop.add_service("orders")
    shop.write("services/orders/requirements.txt", "")
    shop.add_library("shop-stock")
    shop.write("tests/test_all.py", "")

    library, service, whole = suites_of(discover(shop.root), [])

    assert [one.name for one in (library, service, whole)] == [
        "shop-stock",
        "orders",
        "fleet",
    ]
    assert library.python == whole.python == Path(sys.executable)
    assert service.python.is_relative_to(shop.root / ".fleet" / "venvs")
    assert whole.package is None


def test_package_that_is_not_there_is_a_wrong_argument(shop: "Shop") -> None:
    """The hint can be typed."""
    shop.add_library("shop-stock")

    with pytest.raises(FleetError, match="no package `shop-stok`") as refused:
        suites_of(discover(shop.root), ["shop-stok"])

    assert refused.value.hint == "did you mean `fleet test shop-stock`?"
    assert refused.value.exit_code == WRONG_ARGUMENTS


def test_tests_that_pass_and_run_enough_lines_are_good(shop: "Shop") -> None:
    """Counts come from pytest's report, lines from the first import on."""
    result = run(shop)

    assert result.counts == {"passed": 2}
    assert result.coverage == Coverage(100.0, {})
    assert result.complaint(90) is None


def test_lines_that_no_test_ran_are_named(shop: "Shop") -> None:
    """Too little coverage fails, with the lines to look at."""
    result = run(shop, GOOD)

    assert result.complaint(90) == "coverage 75.0 % is below 90 %"
    assert result.coverage is not None
    assert result.coverage.worst() == ["src/shop_stock/__init__.py: 6"]


def test_lines_run_by_child_processes_count(shop: "Shop") -> None:
    """What a test starts as a process is covered as what it calls."""
    shop.write("pyproject.toml", "[tool.coverage.run]\npatch = ['subprocess']\n")
    program = "import shop_stock; shop_stock.half(2)"
    content = f"""{GOOD}

def test_half():
    import subprocess, sys
    subprocess.run([sys.executable, "-c", {program!r}], check=True)
"""
    result = run(shop, content)

    assert result.coverage == Coverage(100.0, {}), result.output


def test_a_part_of_the_tests_is_not_held_to_coverage(shop: "Shop") -> None:
    """`-k` neither counts lines nor minds that a package has no such test."""
    assert run(shop, GOOD, "double").coverage is None
    assert run(shop, GOOD, "zebra").complaint(90) is None


def test_events_delivered_otherwise_are_asked_of_pytest(
    shop: "Shop", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only tests of events are run, and no lines are counted."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    content = f"{WHOLE}\n\ndef test_event(broker):\n    assert broker.published == []\n"
    options = Options(shop.root, deliver="dup,crash", deliver_seed="7")

    with SuiteRuns(options) as runs:
        result = runs.run(suite(shop, content))
        none = runs.run(suite(shop, WHOLE))

    assert result.counts == {"passed": 2}  # undisturbed: it delivers nothing
    assert "--deliver dup,crash --deliver-seed 7" in result.output
    assert result.coverage is None
    assert none.complaint(90) is None


def test_failure_is_counted_and_its_output_kept(shop: "Shop") -> None:
    """All that pytest says about a failure can be shown."""
    result = run(shop, BAD + WHOLE)

    assert result.counts == {"failed": 1, "passed": 2}
    assert result.complaint(0) == "1 failed"
    assert "was wanted" in result.output


def test_package_without_tests_is_not_good(shop: "Shop") -> None:
    """Neither a missing folder nor an empty one passes as tested."""
    shop.add_library("shop-stock")
    bare = suites_of(discover(shop.root), [])[0]

    with SuiteRuns(Options(shop.root)) as runs:
        assert runs.run(bare).complaint(0) == "no tests"
    assert run(shop, "").complaint(0) == "no tests"


def test_module_that_cannot_be_imported_is_an_error(shop: "Shop") -> None:
    """An error while collecting fails the suite and is counted."""
    result = run(shop, "import zebra\n")

    assert result.counts == {"error": 1}
    assert result.complaint(0) == "1 error"


def test_interpreter_that_dies_is_an_error_with_its_signal(shop: "Shop") -> None:
    """A crash leaves no report; it must not read as nothing to complain about."""
    result = run(shop, "import os\n\n\ndef test_die():\n    os.kill(os.getpid(), 9)\n")

    assert result.counts == {"error": 1}
    assert result.complaint(0) == "pytest was ended by SIGKILL"


def test_process_left_behind_by_a_test_does_not_hold_the_run(shop: "Shop") -> None:
    """Whoever keeps pytest's output open is ended with it."""
    content = """\
        import subprocess, sys
        def test_leaves():
            code = "import time; print('here', flush=True); time.sleep(600)"
            subprocess.Popen([sys.executable, "-c", code])
        """
    result = run(shop, textwrap.dedent(content))

    assert result.counts == {"passed": 1}
    assert result.seconds < 60


def test_test_that_hangs_ends_its_suite_and_shows_where_it_hangs(shop: "Shop") -> None:
    """Nobody waits for ever, and what a thread waited for is there to read."""
    hangs = "import threading\n\n\ndef test_hangs():\n    threading.Event().wait()\n"
    one = suite(shop, hangs)

    with SuiteRuns(Options(shop.root, test_seconds=1)) as runs:
        result = runs.run(one)

    assert result.counts == {"error": 1}
    assert "in test_hangs" in result.output


def test_suite_that_hangs_outside_of_any_test_is_ended(shop: "Shop") -> None:
    """A thread that nobody stops keeps an interpreter from its end."""
    content = """\
        import threading
        def test_leaves():
            threading.Thread(target=threading.Event().wait).start()
        """
    one = suite(shop, textwrap.dedent(content))

    with SuiteRuns(Options(shop.root, silent_seconds=5)) as runs:
        result = runs.run(one)

    told = "pytest said nothing for 5 s and was ended by SIGABRT"
    assert result.complaint(0) == told


def test_leaving_the_runs_stops_what_runs(shop: "Shop") -> None:
    """Ctrl-C ends whole process groups; what comes after is not started."""
    mark = shop.root / "pid"  # whoever reads a pipe waits for whoever writes it
    os.mkfifo(mark)
    one = suite(
        shop,
        "import os, pathlib, time\n\n\ndef test_long():\n"
        f"    pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "fleetwright_cli", "test", one.name],
        cwd=shop.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    pid = int(mark.read_text())

    process.send_signal(signal.SIGTERM)
    written, _ = process.communicate(timeout=60)

    assert process.returncode == 130, written
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "Traceback" not in written


def test_runs_that_were_stopped_start_nothing(shop: "Shop") -> None:
    """A suite that waited for its turn does not begin after the end."""
    one = suite(shop)
    runs = SuiteRuns(Options(shop.root))

    runs.stop()

    assert runs.run(one).complaint(0) == "pytest was ended by SIGINT"


def test_dots_are_counted_across_chunks() -> None:
    """Progress is right wherever the pipe cuts, letters of several bytes included."""
    output = Output()
    whole = "..F.s [ 62%]\n= FAILURES é =\n.\nxX. [100%]\n".encode()

    done = [output.add(whole[n : n + 1]) for n in range(len(whole))]

    assert done == sorted(done)
    assert done[-1] == 9
    assert output.text == whole.decode()


def test_progress_is_told_while_tests_run(shop: "Shop") -> None:
    """Whoever shows it gets the name and a rising number."""
    told: list[tuple[str, int]] = []
    one = suite(shop)

    with SuiteRuns(Options(shop.root), lambda *how: told.append(how)) as runs:
        runs.run(one)

    assert told[-1] == ("shop-stock", 2)


def test_last_line_of_the_command_is_the_summary(shop: "Shop") -> None:
    """The words of pytest over all packages, after the table."""
    suite(shop)
    shop.write(
        "tests/test_all.py",
        "import pytest\n\n\ndef test_browser():\n    pytest.skip('no browser')\n",
    )

    answer = shop.fleet("test")

    *_, row, last = answer.out.splitlines()
    assert answer.code == 0, answer.err
    assert last.startswith("2 passed, 1 skipped in ")
    assert last.endswith(" s")
    assert row.startswith("fleet")
    assert "no browser" in answer.err


def test_servers_are_named_and_those_that_are_absent(
    shop: "Shop", monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line tells which tests will be skipped, and by what they would run."""
    suite(shop)
    monkeypatch.setenv("TEST_RABBIT_URL", "amqp://me:secret@127.0.0.1:5673/")
    monkeypatch.delenv("TEST_KAFKA_URL", raising=False)

    answer = shop.fleet("test", "--no-coverage")

    [line] = [it for it in answer.err.splitlines() if it.startswith("servers")]
    assert "RabbitMQ at 127.0.0.1:5673" in line
    assert "no Kafka (TEST_KAFKA_URL)" in line
    assert "secret" not in line


def test_failing_command_shows_the_whole_output_and_ends_with_one(
    shop: "Shop",
) -> None:
    """Nobody has to run pytest again to read what it said."""
    suite(shop, BAD)

    answer = shop.fleet("test", "--no-coverage")

    assert answer.code == 1
    assert "was wanted" in answer.err
    assert answer.out.splitlines()[-1].startswith("1 failed in ")


def test_low_coverage_fails_the_command_and_names_lines(shop: "Shop") -> None:
    """The gate of fleet.toml holds for each package."""
    suite(shop, GOOD)

    answer = shop.fleet("test")

    assert answer.code == 1
    assert "coverage 75.0 % is below 90 %" in answer.err
    assert "not run: src/shop_stock/__init__.py: 6" in answer.err


def test_result_is_there_as_json(shop: "Shop") -> None:
    """Stdout is one document for programs."""
    suite(shop, GOOD)

    answer = shop.fleet("test", "--json")

    (one,) = answer.document["suites"]
    assert one["counts"] == {"passed": 1}
    assert one["coverage_percent"] == 75.0
    assert one["complaint"] == "coverage 75.0 % is below 90 %"
    assert answer.document["summary"].startswith("1 passed in ")


def test_nothing_that_fits_an_expression_is_a_failure(shop: "Shop") -> None:
    """A misspelt `-k` does not pass as tested."""
    suite(shop)

    answer = shop.fleet("test", "-k", "zebra")

    assert answer.code == 1
    assert answer.out.splitlines()[-1].startswith("no tests ran in ")


def test_coverage_is_cut_and_not_rounded() -> None:
    """89.96 does not read as the 90 that it is not."""
    result = Result("orders", 0, {"passed": 1}, coverage=Coverage(89.96))

    assert result.complaint(90) == "coverage 89.9 % is below 90 %"


def test_pytest_that_could_not_begin_is_told_by_its_code(tmp_path: Path) -> None:
    """A wrong configuration is no failed test, and no success either."""
    assert counts(tmp_path / "none.xml", 4) == {"error": 1}
    assert Result("orders", 4).complaint(0) == "pytest: code 4"
    assert Result("orders", -99).complaint(0) == "pytest was ended by signal 99"


def test_numbers_are_put_in_words() -> None:
    """Zeros are left out, errors have a plural, lines are drawn together."""
    assert words({"failed": 1, "error": 2, "passed": 0}) == "1 failed, 2 errors"
    assert words({}) == "no tests ran"
    assert spans([3, 4, 5, 9, 11, 12]) == "3-5, 9, 11-12"
