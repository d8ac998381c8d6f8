"""A run as a file: the same in another console, and nothing else than a run."""

import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from made_telemetry import metrics_body, order, traces_body

from fleetwright_cli._app import run
from fleetwright_cli._errors import FleetError
from fleetwright_cli.console import _otlp, carried
from fleetwright_cli.console._lines import log_row
from fleetwright_cli.console._store import Store
from fleetwright_cli.console.kept import DATABASE

SECOND_NS = 1_000_000_000
TABLES = ("run", "trace", "span", "log", "call_slot", "edge_minute", "metric_point")


def write(root: Path, *, seed: int, first: str = "") -> Path:
    """Have a fleet's console keep one run; return its database."""
    (root / ".fleet" / "data").mkdir(parents=True, exist_ok=True)
    store = Store(root / ".fleet" / "data" / DATABASE)
    if first:  # another service has the first number
        store.put([log_row(first, "hello", "")])
    store.put(_otlp.spans(traces_body(order(seed, time.time_ns(), failed=True))))
    store.put(_otlp.points(metrics_body("orders", value=3, at_ns=time.time_ns())))
    store.put([log_row("payments", '{"event": "the bank said no"}', "")])
    store.close()
    return store.path


def counts(file: Path) -> dict[str, int]:
    """Return how many rows a database has of each kind."""
    with closing(sqlite3.connect(file)) as on:
        return {
            table: on.execute(f"select count(*) from {table}").fetchone()[0]
            for table in TABLES
        }


@pytest.fixture(name="here")
def _here(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a fleet whose console keeps one run."""
    write(root, seed=1)
    monkeypatch.chdir(root)
    return root


@pytest.fixture(name="elsewhere")
def _elsewhere(here: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another fleet, whose console has seen other services an hour before."""
    root = tmp_path_factory.mktemp("elsewhere")
    (root / "fleet.toml").write_text("[fleet]\nname = 'other'\n", "utf-8")
    file = write(root, seed=9, first="zebra")
    with closing(sqlite3.connect(file)) as on, on:
        on.execute("update run set started_ns = started_ns - 3600000000000")
        on.execute("update run set ended_ns = ended_ns - 3600000000000")
    return root


def test_run_is_the_same_in_another_console(
    here: Path,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its traces with their services, its lines to be found by their words."""
    own = counts(here / ".fleet" / "data" / DATABASE)
    assert run(["runs", "export", str(here / "slow.db"), "--json"]) == 0
    exported = json.loads(capsys.readouterr().out)["rows"]
    before = counts(elsewhere / ".fleet" / "data" / DATABASE)

    monkeypatch.chdir(elsewhere)
    assert run(["runs", "import", str(here / "slow.db"), "--json"]) == 0
    taken = json.loads(capsys.readouterr().out)["rows"]

    file = elsewhere / ".fleet" / "data" / DATABASE
    after = counts(file)
    assert {table: exported[table] for table in TABLES} == own
    assert after["span"] - before["span"] == own["span"]
    assert taken["run"] == 2
    with closing(sqlite3.connect(file)) as on:
        names = dict(on.execute("select id, name from service"))
        [(services, root)] = on.execute(
            "select services, root_service from trace where run = 2"
        )
        found = on.execute(
            "select s.name from log l join service s on s.id = l.service"
            " where l.run = 2 and l.id in"
            " (select rowid from log_text where log_text match 'bank')"
        ).fetchall()
        assert on.execute("pragma integrity_check").fetchone() == ("ok",)
    seen = {name for id, name in names.items() if services >> id & 1}
    assert seen == {
        *("storefront", "orders", "catalog", "stock", "payments"),
        "notifications",
    }
    assert names[root] == "storefront"
    assert found == [("payments",)]
    assert run(["runs", "list"]) == 0
    assert "RUN  BEGAN" in capsys.readouterr().out


def test_run_that_is_here_already_is_refused(here: Path) -> None:
    """Calls are counted by time: two runs of one time could not be told apart."""
    before = counts(here / ".fleet" / "data" / DATABASE)
    run(["runs", "export", "slow.db"])

    with pytest.raises(FleetError, match="run 1 was at the same time"):
        run(["runs", "import", "slow.db"])

    assert counts(here / ".fleet" / "data" / DATABASE) == before


def test_export_overwrites_nothing(here: Path) -> None:
    """Neither a file nor with a run that there is not."""
    (here / "mine.txt").write_text("mine", "utf-8")

    with pytest.raises(FleetError, match=r"mine\.txt cannot be written"):
        run(["runs", "export", "mine.txt"])
    with pytest.raises(FleetError, match="no run 7 is kept"):
        run(["runs", "export", "new.db", "--run", "7"])

    assert (here / "mine.txt").read_text("utf-8") == "mine"
    assert not (here / "new.db").exists()


@pytest.fixture(scope="module", name="exported")
def _exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a run that may be brought in."""
    root = tmp_path_factory.mktemp("exported")
    carried.export(write(root, seed=1), None, root / "slow.db")
    return root / "slow.db"


def test_file_of_a_run_is_taken_as_it_is(exported: Path, tmp_path: Path) -> None:
    """The file that the next tests spoil is a good one."""
    taken = carried.bring(exported, tmp_path / DATABASE)

    assert counts(tmp_path / DATABASE) == {**{it: taken[it] for it in TABLES}, "run": 1}


def sql(statement: str) -> Callable[[Path], None]:
    """Return what changes an exported file by a statement."""

    def change(file: Path) -> None:
        with closing(sqlite3.connect(file)) as on, on:
            on.execute(statement)

    return change


def spoil(file: Path) -> None:
    """Overwrite what lies in the middle of a file."""
    data = bytearray(file.read_bytes())
    data[4096:12_288] = b"\xff" * 8192
    file.write_bytes(data)


@pytest.mark.parametrize(
    "change",
    (
        sql("create trigger t after insert on log begin delete from run; end"),
        sql("create view v as select * from run"),
        sql("create table more(it text)"),
        sql("drop index log_at"),
        sql("pragma user_version = 99"),
        sql("update span set name = x'00'"),
        sql("update span set start_ns = 'soon'"),
        sql("update span set raw = zeroblob(5000000)"),
        sql("update trace set root_service = 77"),
        sql("update span set service = -5"),
        sql("insert into run(started_ns) values (1)"),
        sql("delete from run"),
        spoil,
        lambda file: file.write_bytes(b"SQLite format 3\0" + b"x" * 5000),
        lambda file: file.write_text("no database", "utf-8"),
        lambda file: file.unlink(),
    ),
)
def test_file_that_is_no_run_is_refused_whole(
    exported: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    """Foreign tables, triggers, types, damage: nothing of it is taken."""
    file, database = tmp_path / "slow.db", tmp_path / DATABASE
    shutil.copy(exported, file)
    change(file)

    with pytest.raises(FleetError) as refused:
        carried.bring(file, database)

    assert refused.value.hint
    assert not database.exists() or set(counts(database).values()) == {0}
