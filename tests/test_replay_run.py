"""A whole replay, against a shop and a fleet small enough to see through."""

import asyncio
import contextlib
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import ClientSession, web
from small_shop import DAY, Sleepers, SmallFleet, SmallShop, service

import replay as command
from shop_replay.calling import Shop, UnansweredError
from shop_replay.chaos import Chaos, kill_places, victims
from shop_replay.reading import read_invoices
from shop_replay.run import Wishes, replay
from shop_replay.running import SHOP, FleetError, Process, RunningFleet
from shop_replay.sample import COLUMNS, write_sample


@pytest.fixture
def fleet(tmp_path: Path) -> SmallFleet:
    """Return a fleet that does not run yet."""
    return SmallFleet(tmp_path)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[web.Application], Any]]:
    """Return what serves an application and returns its URL."""
    async with contextlib.AsyncExitStack() as stack:

        async def run(app: web.Application) -> str:
            runner = web.AppRunner(app)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return f"http://127.0.0.1:{runner.addresses[0][1]}"

        yield run


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """Return a file with one day that has everything in it."""
    path = tmp_path / "day.csv"
    path.write_text(",".join(COLUMNS) + DAY)
    return path


@pytest.mark.parametrize("shaky", [0, 3])
async def test_every_row_finds_its_fate(
    fleet: SmallFleet,
    shop_files: dict[str, Path],
    write: Callable[..., None],
    serve: Callable[[web.Application], Any],
    day: Path,
    shaky: int,
) -> None:
    """Rows are ordered, refused by kind or taken back, also where answers are lost."""
    fleet.runs(await serve(SmallShop(write, shaky).app()), shop_files)
    done: list[None] = []

    figures = await replay(
        fleet,
        read_invoices([day]),
        Wishes(concurrency=4, settle_seconds=5),
        after=lambda: done.append(None),
    )

    ledger = figures.ledger
    assert figures.ok, figures.text()
    assert len(done) == ledger.invoices == 5
    assert (ledger.rows_read, ledger.rows_ordered, ledger.empty_invoices) == (10, 3, 1)
    assert ledger.rows_refused == {
        "odd_code": 1,
        "no_description": 1,
        "price_not_positive": 1,
        "quantity_not_positive": 1,
    }
    assert ledger.rows_taken_back == 1
    assert ledger.rows_not_taken_back == {"no_matching_purchase": 1, "no_customer": 1}
    assert bool(ledger.repeats) == bool(shaky)
    assert "5 invoices, 2 orders (0 refused), 4 rows refused, 1 refunds" in (
        figures.line()
    )
    assert figures.line().endswith("audit ok")
    assert figures.document()["taken_pence"] == 900


async def test_a_second_run_is_refused(
    fleet: SmallFleet,
    shop_files: dict[str, Path],
    write: Callable[..., None],
    serve: Callable[[web.Application], Any],
    day: Path,
) -> None:
    """What a used shop holds is unknown to the ledger: the mend is a fresh one."""
    fleet.runs(await serve(SmallShop(write).app()), shop_files)
    invoices = read_invoices([day])
    await replay(fleet, invoices, Wishes(rate=1000.0))

    with pytest.raises(FleetError, match="--up --fresh"):
        await replay(fleet, invoices, Wishes())


async def test_a_call_is_given_up_after_its_bound(
    serve: Callable[[web.Application], Any],
) -> None:
    """Nobody waits forever for a service that stays away."""
    async with ClientSession() as session:
        shop = Shop({"orders": "http://127.0.0.1:1"}, session, bound_seconds=0.2)

        with pytest.raises(UnansweredError, match="ClientConnectorError"):
            await shop.call("POST", "orders", "/v1/orders", {}, key="1")

    assert shop.repeats.total() >= 1


async def test_a_failure_of_a_service_is_not_repeated(
    serve: Callable[[web.Application], Any],
) -> None:
    """A 500 is a finding: asking again would hide it."""

    async def fail(_: web.Request) -> web.Response:
        return web.Response(status=500, text="boom")

    app = web.Application()
    app.router.add_post("/", fail)
    url = await serve(app)
    async with ClientSession() as session:
        with pytest.raises(UnansweredError, match="500: boom"):
            await Shop({"orders": url}, session).call("POST", "orders", "/", {})


async def test_a_failed_invoice_is_noted_and_the_others_go_on(
    fleet: SmallFleet,
    shop_files: dict[str, Path],
    write: Callable[..., None],
    serve: Callable[[web.Application], Any],
    day: Path,
) -> None:
    """One unanswered invoice fails the audit, not the run."""
    shop = SmallShop(write)

    async def fail(request: web.Request) -> web.Response:
        if request.headers["Idempotency-Key"] == "2":
            return web.Response(status=500)
        return await shop.order(request)

    app = web.Application()
    app.router.add_put("/v1/products/{sku}", shop.keep)
    app.router.add_post("/v1/quotes", shop.quote)
    app.router.add_post("/v1/orders", fail)
    app.router.add_post("/v1/cancellations", shop.cancel)
    fleet.runs(await serve(app), shop_files)

    figures = await replay(fleet, read_invoices([day]), Wishes())

    assert [check.name for check in figures.checks if not check.ok] == [
        "every row is accounted for",
        "every invoice got an answer",
    ]
    assert figures.line().endswith("audit FAILED")


async def test_the_fleet_must_be_ready(fleet: SmallFleet) -> None:
    """What does not run or is not ready is named, with the mend."""
    with pytest.raises(FleetError, match="no fleet runs here"):
        await fleet.require_running()

    fleet.says("ps", [service(name) for name in SHOP[1:]])
    with pytest.raises(FleetError, match="not ready: catalog"):
        await fleet.require_running()
    with pytest.raises(FleetError, match="no map"):
        fleet.urls()


async def test_a_fresh_fleet_starts_without_the_data_of_before(
    fleet: SmallFleet, shop_files: dict[str, Path]
) -> None:
    """Earlier data is moved away, never deleted."""
    fleet.says("up", [])

    await fleet.up(fresh=True)

    folder = fleet.folder / ".fleet"
    assert not (folder / "data").exists()
    [kept] = folder.glob("data-*")
    assert (kept / "orders.db").exists()
    said = (fleet.folder / "said.txt").read_text().splitlines()
    assert said == ["ps --json", "up --detach --no-reload --json"]


async def test_a_fleet_that_runs_or_does_not_start_is_an_error(
    fleet: SmallFleet,
) -> None:
    """A fleet that did not become ready is stopped again."""
    with pytest.raises(FleetError, match="ended with 1"):
        await fleet.up(fresh=False)
    assert "down --json" in (fleet.folder / "said.txt").read_text()

    fleet.says("ps", [service("orders")])
    with pytest.raises(FleetError, match="runs here already"):
        await fleet.up(fresh=False)


async def test_exit_codes_of_stopped_processes_are_told(fleet: SmallFleet) -> None:
    """Every process must end with 0."""
    fleet.says("down", [service("orders", exit_code=0), service("a", exit_code=-9)])

    assert await fleet.down() == ["a ended with -9"]


async def test_a_tool_that_talks_nonsense_is_quoted(tmp_path: Path) -> None:
    """What the tool said instead of JSON is in the error."""
    fleet = RunningFleet(tmp_path, (sys.executable, "-c", "print('oops')"))

    with pytest.raises(FleetError, match="oops"):
        await fleet.processes()


async def test_every_planned_kill_happens_and_hits_all_services() -> None:
    """Each service is killed, is back before it is killed again, and at the end."""
    sleepers = Sleepers(["a", "b", "c"])
    chaos = Chaos(sleepers, ["a", "b", "c"], seed=1, kills=7, invoices=10)
    await chaos.open()
    try:
        for index in range(10):
            await chaos.before(index)
        await chaos.close()
    finally:
        await sleepers.close()

    assert chaos.kills.total() == 7
    assert min(chaos.kills.values()) >= 2
    assert sleepers.starts == {name: chaos.kills[name] + 1 for name in "abc"}


def test_kills_are_seeded_and_spread_over_the_run() -> None:
    """The same seed gives the same plan; every share of the run has its kill."""
    places, again = (kill_places(200, 20, Random(1)) for _ in range(2))  # noqa: S311

    assert places == again
    assert [place // 10 for place in places] == list(range(20))
    order = victims("abcde", 10, Random(1))  # noqa: S311
    assert set(order[:5]) == set(order[5:]) == set("abcde")


def run_command(*words: str | Path) -> int:
    """Return the exit code of the command with these words."""
    return command.main([str(word) for word in words])


def test_the_command_says_when_no_fleet_runs(
    fleet: SmallFleet,
    day: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing runs: exit 2, with a mend."""
    monkeypatch.setattr(command, "RunningFleet", lambda _: fleet)

    assert run_command(day, "--fleet-dir", fleet.folder) == 2
    assert "hint: start it with `fleet up --detach`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to replay"),
        (("--fresh", "--sample", "3"), "add --up"),
        (("none.csv",), "none.csv"),
    ],
)
def test_wrong_words_end_with_two(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong arguments and files: exit 2, told on stderr."""
    assert run_command(*words) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--kills=0", "--rate=0", "--concurrency=-1"])
def test_senseless_numbers_are_refused(option: str) -> None:
    """Counts are at least 1, rates more than 0."""
    with pytest.raises(SystemExit) as caught:
        run_command("--sample", "3", option)

    assert caught.value.code == 2


@pytest.mark.parametrize(("exit_code", "code"), [(0, 0), (1, 1)])
async def test_the_command_starts_replays_audits_and_stops(
    fleet: SmallFleet,
    shop_files: dict[str, Path],
    write: Callable[..., None],
    serve: Callable[[web.Application], Any],
    day: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    exit_code: int,
    code: int,
) -> None:
    """All figures as JSON on stdout; a process that ends badly fails the run."""
    fleet.runs(await serve(SmallShop(write).app()), shop_files)
    fleet.says("up", [])
    fleet.says("down", [service("orders", exit_code=exit_code)])
    running = (fleet.folder / "ps.json").read_text()
    (fleet.folder / "ps.json").unlink()
    start = fleet.up

    async def up(*, fresh: bool) -> None:
        await start(fresh=fresh)
        (fleet.folder / "ps.json").write_text(running)

    monkeypatch.setattr(fleet, "up", up)
    monkeypatch.setattr(command, "RunningFleet", lambda _: fleet)

    found = await asyncio.to_thread(run_command, day, "--up", "--json")

    figures = json.loads(capsys.readouterr().out)
    assert found == code
    assert figures["orders"] == 2
    assert figures["ok"] == (code == 0)
    assert figures["checks"][-1]["name"] == "every process ends with 0"


async def test_the_made_up_day_passes_in_chaos(
    fleet: SmallFleet,
    shop_files: dict[str, Path],
    write: Callable[..., None],
    serve: Callable[[web.Application], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kills are part of the run and of its figures."""
    path = tmp_path / "sample.csv"
    write_sample(path, 12, seed=1)
    fleet.runs(await serve(SmallShop(write).app()), shop_files)
    sleepers = Sleepers(list(SHOP))
    tell = fleet.processes

    async def processes() -> dict[str, Process]:
        told, alive = await tell(), await sleepers.processes()
        return {
            name: Process(name, "ready", alive[name].pid, None, it.database)
            for name, it in told.items()
        }

    monkeypatch.setattr(fleet, "processes", processes)
    try:
        wishes = Wishes(chaos=1, kills=len(SHOP), settle_seconds=5)
        figures = await replay(fleet, read_invoices([path]), wishes)
    finally:
        await sleepers.close()

    assert figures.kills == dict.fromkeys(SHOP, 1)
    with closing(sqlite3.connect(shop_files["orders"])) as orders:
        [kept] = orders.execute("select count(*) from orders").fetchone()
    assert kept == len(figures.ledger.orders) > 5
