"""What one request costs is measured, and held against another rate."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rehearse.conftest import FLEET
from rehearse.planned import COST, IDLE, costs, window

from fleetwright_cli.__main__ import main
from fleetwright_cli._errors import FleetError
from fleetwright_cli.capacity import (
    Check,
    Kept,
    Line,
    askable,
    checked,
    costs_of,
    doubts,
    keep,
    read_kept,
)
from fleetwright_cli.capacity._costs import line
from fleetwright_cli.capacity._heard import Heard
from fleetwright_cli.capacity._reading import BrokerFile, Carried, used_by
from fleetwright_cli.capacity._windows import typical
from fleetwright_cli.fleet import discover
from fleetwright_cli.standard._examples import files_of

if TYPE_CHECKING:
    from pathlib import Path

    from rehearse.conftest import Rates

    from fleetwright_cli.capacity import Use, Window

KEPT = Kept("2026-11-30T09:00:00+00:00", {"orders": "a"}, costs(orders=COST), [])
UNHURRIED = settings(deadline=None, max_examples=50)
AMOUNTS = st.floats(0, 1e6)


class Answer(NamedTuple):
    """What the command said."""

    code: int
    out: str
    err: str


@pytest.fixture
def asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Give who runs `fleet plan` in a fleet."""

    def run(root: "Path", *words: str) -> Answer:
        monkeypatch.chdir(root)
        monkeypatch.setattr(sys, "argv", ["fleet", "plan", *words])
        return Answer(main(), *capsys.readouterr())

    return run


@pytest.fixture
def bare(tmp_path: "Path") -> "Path":
    """Give a fleet whose service nobody knows what to ask for."""
    for name, content in files_of(FLEET).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content or "", "utf-8")
    (tmp_path / "fleet.toml").write_text('[fleet]\nname = "shop"\n')
    return tmp_path


def used(rate: float, cpu: float) -> "Window":
    """Return a window in which orders used some CPU and was called once a request."""
    use = replace(IDLE, cpu=cpu, callers={"outside": rate}, written=100 + 10 * rate)
    carried = {"orders.placed": Carried(rate / 2, 300 * rate)} if rate else {}
    return window(rate, carried, orders=use)


def test_cost_is_the_line_through_what_was_measured() -> None:
    """What is used without load is no part of what a request costs."""
    found = costs_of(["orders"], [used(0, 0.02), used(10, 0.12), used(20, 0.22)])

    cost = found.services["orders"]
    assert cost.cpu.each == pytest.approx(0.010)
    assert cost.cpu.idle == pytest.approx(0.02)
    assert cost.calls == pytest.approx(1.0)
    assert (cost.written.idle, cost.written.each) == pytest.approx((100, 10))
    assert found.rates == [10, 20]
    assert cost.cpu.at(50) == pytest.approx(0.52)
    assert found.carried["orders.placed"].events == pytest.approx(0.5)
    assert found.carried["orders.placed"].bytes == pytest.approx(300)


@UNHURRIED
@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1))
def test_no_line_goes_below_nothing(points: list[tuple[float, float]]) -> None:
    """However measurements are strewn, nobody gives CPU back."""
    found = line([x for x, _ in points], [y for _, y in points])

    assert found.idle >= 0
    assert found.each >= 0


@UNHURRIED
@given(st.floats(0, 1e3), st.floats(0, 1e3))
def test_line_of_a_line_is_itself(idle: float, each: float) -> None:
    """Three points on one give it back."""
    xs = [0.0, 8.0, 16.0]

    found = line(xs, [Line(idle, each).at(x) for x in xs])

    assert found.idle == pytest.approx(idle, abs=1e-6)
    assert found.each == pytest.approx(each, abs=1e-6)


def test_third_rate_tells_how_far_off_it_is() -> None:
    """A quarter is tolerated, more is told, of each service and the broker."""
    found = costs_of(["orders"], [used(0, 0.02), used(10, 0.12), used(20, 0.22)])

    near, far = checked(found, used(30, 0.30)), checked(found, used(30, 0.60))

    assert (near[0].service, near[0].is_close) == ("all", True)
    assert near[0].error == pytest.approx(0.02 / 0.30)
    assert [one.quantity for one in far if not one.is_close] == ["CPU", "CPU"]
    assert {one.service for one in far} == {"all", "orders", "broker"}
    events = [one for one in near if one.service == "broker"]
    assert [one.measured for one in events] == pytest.approx([15, 9000])
    assert [one.error for one in events] == pytest.approx([0, 0])


def test_connections_grow_with_the_calls_under_way() -> None:
    """A caller has one to each call that it waits for: 20 ms of 200 a second are 4."""
    caller = replace(IDLE, sockets=20, call_seconds=0.0)
    called = replace(IDLE, sockets=15, callers={"orders": 200.0})

    found = costs_of(
        ["orders"],
        [window(0, orders=IDLE, stock=IDLE), window(200, orders=caller, stock=called)],
    )

    assert found.services["orders"].sockets == pytest.approx(20 - (4 + 3 * 2))
    assert found.sockets_at("orders", 200) == pytest.approx(20)
    assert found.sockets_at("orders", 800) == pytest.approx(10 + 16 + 3 * 4)
    assert found.sockets_at("stock", 800) == pytest.approx(5 + 16 + 3 * 4)


def test_a_trifle_is_no_error() -> None:
    """A service that does next to nothing cannot be off by half."""
    trifle = Check("orders", "CPU", 30, 0.010, 0.019)

    assert (trifle.counts, trifle.error, trifle.is_close) == (False, 0.0, True)
    assert not Check("orders", "CPU", 30, 0.010, 0.021).is_close


def test_median_of_rounds_counts() -> None:
    """A round in which this machine had other work is no measurement."""
    found = typical([used(10, 0.12), used(10, 0.90), used(10, 0.13)])

    assert found.uses["orders"].cpu == pytest.approx(0.13)
    assert found.uses["orders"].callers == {"outside": 10}
    assert found.carried["orders.placed"].events == 5


def test_topic_that_is_missing_in_a_round_counts_as_nothing() -> None:
    """One event in three rounds is none in the middle."""
    some: Use = replace(IDLE, topics={"orders.placed": 1.0})

    found = typical([window(1, orders=one) for one in (IDLE, some, IDLE)])

    assert found.uses["orders"].topics == {"orders.placed": 0.0}


def test_lines_of_the_log_are_the_graph() -> None:
    """Who called, what may have changed something, which events; probes are none."""
    heard = Heard()
    said: list[dict[str, Any]] = [
        {"event": "call.answered", "method": "POST", "caller": "orders"},
        {"event": "call.answered", "method": "GRPC", "caller": None},
        {"event": "call.answered", "method": "GET", "route": "/v1/x"},
        {"event": "call.answered", "method": "GET", "route": "/readyz"},
        {"event": "event.handled", "topic": "orders.placed"},
        {"event": "service.ready"},
    ]
    for one in said:
        heard.line("stock", json.dumps(one | {"duration_ms": 10.0}))
    heard.line("stock", '"call.answered" half a line')

    work = heard.work["stock"]
    assert work.callers == {"orders": 1, "outside": 2}
    assert (work.effects, work.topics) == (2, {"orders.placed": 1})
    assert heard.events == 1
    assert work.call_seconds == pytest.approx(0.030)
    assert work.event_seconds == pytest.approx(0.010)


def test_children_of_a_process_count() -> None:
    """A service with workers is all of them."""
    child = (
        "import os, sys, time\n"
        "while time.process_time() < 0.1: pass\n"  # the clock of /proc ticks in 10 ms
        "os.fork(); os.fork(); os.write(1, b'1'); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", child],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.read(4) == b"1111"  # all four are there
            whole = used_by(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)

    own = used_by(os.getpid())
    assert whole.memory > 3 * 2_000_000
    assert whole.cpu > 0
    assert own.sockets >= 0
    with pytest.raises(OSError, match="No such"):
        used_by(process.pid)


def test_broker_tells_what_it_took_in(tmp_path: "Path") -> None:
    """By topic, since a number; a broker that is not there took in nothing."""
    broker = BrokerFile(tmp_path / "broker.db")
    assert (broker.last(), broker.since(0)) == (0, {})
    connection = sqlite3.connect(broker.path)
    connection.execute("create table message(seq, topic, headers, body)")
    rows = [(n, "orders.placed", "{}", b"12345678") for n in (1, 2, 3)]
    connection.executemany("insert into message values(?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()

    assert broker.last() == 3
    assert broker.since(1) == {"orders.placed": Carried(2, 20)}


def test_costs_are_kept(tmp_path: "Path") -> None:
    """What was measured is reckoned with later; nothing measured is told."""
    with pytest.raises(FleetError, match="was not measured"):
        read_kept(tmp_path)
    check = Check("orders", "CPU", 30, 0.3, 0.31)
    kept = replace(
        KEPT,
        costs=costs({"orders.placed": Carried(0.5, 300.0)}, orders=COST),
        checks=[check],
    )

    keep(tmp_path, kept)

    assert read_kept(tmp_path) == kept
    (tmp_path / ".fleet" / "plan.json").write_text('{"asked": "orders"}')
    with pytest.raises(FleetError, match="another version wrote it"):
        read_kept(tmp_path)


def test_what_changed_since_is_told() -> None:
    """A measurement of other code is no measurement of this."""
    assert doubts(KEPT, {"orders": "a"}) == []
    assert doubts(KEPT, {"orders": "b", "stock": "c"}) == [
        "changed since then: orders",
        "not measured: stock",
    ]
    assert doubts(KEPT, {}) == ["measured, but no longer here: orders"]


def test_command_measures_a_fleet_and_reckons(
    rates: "Rates", asked: Callable[..., Answer]
) -> None:
    """10 ms of CPU a request are found, and ten times the load needs more."""
    rates.say("works")
    quick = ("--rates", "10,20,30", "--seconds", "2", "--rounds", "1")

    measured = asked(rates.root, "--measure", *quick, "--json")
    later = asked(rates.root, "--rate", "3000", "--json")
    told = asked(rates.root, "--rate", "3000", "--rate", "1000000")

    assert measured.code in {0, 1}, measured.err
    document = json.loads(measured.out)
    cost = document["costs"]["services"]["rates"]
    # Wide: what is under way when a window ends counts in the next one.
    assert 0.004 < cost["cpu"]["each"] < 0.04
    assert 0.4 < cost["callers"]["outside"] < 2.5
    assert {one["service"] for one in document["checks"]} == {"all", "rates", "broker"}
    assert len(document["needs"]) == 3
    need = json.loads(later.out)["needs"][0]
    assert need["services"][0]["replicas"] > 15
    assert need["bottleneck"] == "CPU of rates"
    assert "\nbottleneck: CPU of rates\n" in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    assert "\x1b" not in told.out
    assert "changed since" not in told.err
    rates.say("well")
    changed = asked(rates.root, "--rate", "3")
    assert "changed since then: rates" in changed.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 1, "hint: measure it: `fleet plan --measure`"),
        (("--measure", "--rates", "3,2,1"), 2, "are not three rates"),
        (("--rate", "0"), 2, "`--rate 0` is no rate of requests"),
        (("--rate", "-5"), 2, "give requests a second: above 0"),
        (("--rate", "nan"), 2, "`--rate nan` is no rate"),
        (("--rate", "1e12"), 2, "at most 1,000,000,000"),
        (("nobody", "--measure"), 2, "there is no service `nobody`"),
        (("rates", "--rate", "5"), 2, "`fleet plan rates --measure`"),
    ],
)
def test_what_cannot_be_reckoned_is_told(
    bare: "Path",
    asked: Callable[..., Answer],
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """With the mend, and an exit code that says whose fault it is."""
    found = asked(bare, *words)

    assert said in found.err
    assert (found.code, found.out) == (code, "")


def test_who_cannot_be_asked_is_told(
    bare: "Path", asked: Callable[..., Answer]
) -> None:
    """Nothing is measured where nobody knows what to send."""
    found = asked(bare, "--measure")

    assert "nobody knows what to ask any service for" in found.err
    assert "name requests in [rehearse.SERVICE]" in found.err
    assert found.code == 1


def test_who_is_asked_through_another_has_that_one_asked(bare: "Path") -> None:
    """And is no part of the mix of all."""
    shutil.copytree(bare / "services/rates", bare / "services/shop")
    (bare / "services/shop/src/rates").rename(bare / "services/shop/src/shop")
    with (bare / "fleet.toml").open("a") as file:
        file.write('[rehearse.rates]\nthrough = "shop"\n')
        file.write('[rehearse.shop]\nrequests = [{ send = "GET /v1/shop" }]\n')

    fleet = discover(bare)

    assert [one.name for one in askable(fleet, ["rates"])] == ["shop"]
    assert [one.name for one in askable(fleet, [])] == ["shop"]


def test_what_pods_are_promised_is_written_for_one_rate(
    bare: "Path", asked: Callable[..., Answer]
) -> None:
    """Into fleet.toml, and the same again; without a rate nothing is."""
    keep(bare, replace(KEPT, costs=costs(rates=COST)))
    before = (bare / "fleet.toml").read_text()

    refused = asked(bare, "--write")
    same = (bare / "fleet.toml").read_text()
    done = asked(bare, "--rate", "100", "--write")
    text = (bare / "fleet.toml").read_text()
    again = asked(bare, "--rate", "100", "--write")

    assert (refused.code, same) == (2, before)
    assert "fleet plan --rate 500 --write" in refused.err
    assert (done.code, again.code) == (0, 0), done.err
    assert text.startswith(before)
    assert discover(bare).manifest.deploy.of("rates").cpu == "380m"
    assert (bare / "fleet.toml").read_text() == text
