"""What the console keeps, from the shell, with nothing running."""

import json
import time
from pathlib import Path

import pytest
from made_telemetry import STORY, order, traces_body

from fleetwright_cli._app import run
from fleetwright_cli._errors import FleetError
from fleetwright_cli.console import _otlp
from fleetwright_cli.console._store import Store
from fleetwright_cli.console.kept import DATABASE


@pytest.fixture(name="here")
def _here(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a fleet that has seen two orders, one with a failed charge."""
    (root / ".fleet" / "data").mkdir(parents=True)
    store = Store(root / ".fleet" / "data" / DATABASE)
    for seed in (1, 2):
        placed = order(seed, time.time_ns(), failed=seed == 2)
        store.put(_otlp.spans(traces_body(placed)))
    store.close()
    monkeypatch.chdir(root)
    return root


def test_traces_are_listed_and_shown(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Failed ones by themselves; one by the beginning of its id."""
    assert run(["traces", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["traces"]) == 2
    assert run(["traces", "--failed", "--json"]) == 0
    [failed] = json.loads(capsys.readouterr().out)["traces"]
    assert failed["errors"] == 2

    assert run(["traces", failed["id"][:8], "--json"]) == 0
    spans = json.loads(capsys.readouterr().out)["spans"]
    assert [it["name"] for it in spans] == [it[0] for it in STORY]
    assert run(["traces", failed["id"]]) == 0
    told = capsys.readouterr().out
    assert "storefront POST /basket/order" in told
    assert "failed" in told
    assert "█" in told
    assert run(["traces"]) == 0
    assert "TOOK" in capsys.readouterr().out


@pytest.mark.parametrize("id", ("ffffffffff", "%", "", "zz"))
def test_trace_that_is_not_one_is_told(here: Path, id: str) -> None:
    """None, or more than one."""
    with pytest.raises(FleetError, match="trace begins with"):
        run(["traces", id])


def test_database_is_asked_in_sql(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a table and as JSON; bytes as digits; what is left out is said."""
    assert run(["sql", "select trace_id, null no from trace", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [len(row["trace_id"]) for row in rows] == [32, 32]

    assert run(["sql", "select name from span", "--limit", "1"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[0] == "name"
    assert "more than 1 rows" in told.err


@pytest.mark.parametrize(
    "question",
    (
        "delete from span",
        "drop table run",
        "select nonsense",
        "select 1; select 2",
        "attach 'x.db' as x",
        "",
    ),
)
def test_question_that_changes_something_is_refused(here: Path, question: str) -> None:
    """Or that is none."""
    if not question:
        assert run(["sql", question]) == 0
        return
    with pytest.raises(FleetError, match="cannot be asked"):
        run(["sql", question])
    assert not (here / "x.db").exists()


def test_nothing_is_kept_yet(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next step is said."""
    monkeypatch.chdir(root)
    for words in (["traces"], ["sql", "select 1"]):
        with pytest.raises(FleetError, match="nothing is kept"):
            run(words)
    with pytest.raises(FleetError, match="nothing runs"):
        run(["open"])
