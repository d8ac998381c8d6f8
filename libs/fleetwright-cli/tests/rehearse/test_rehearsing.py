"""A service that drains passes its rehearsal; each way not to is caught."""

import json
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

import pytest
from rehearse.conftest import QUICK

from fleetwright_cli._errors import FleetError
from fleetwright_cli.rehearse import Manners

if TYPE_CHECKING:
    from rehearse.conftest import Rates

CONSUMER = "services/billing"
ASKED = {"GET /v1/rate", "GET /v1/rates/7", "POST /v1/rates/7"}


def test_service_that_drains_loses_nothing(rates: "Rates") -> None:
    """There and back again: every request answered once, by the old or the new."""
    report = rates.rehearse(turns=2, requests=120)

    assert (report.lost, report.cuts, report.doubled, report.ends) == (0, 0, 0, [])
    assert report.is_good
    assert report.sent >= 120
    assert sum(turn.tally.repeated for turn in report.turns) > 5
    assert report.turns[0].version == "the tree"
    assert report.turns[1].version == report.old != "the tree"
    statuses = {status for turn in report.turns for status in turn.tally.statuses}
    assert statuses == {200}


def test_calls_that_are_let_go_are_counted(rates: "Rates") -> None:
    """Read and never answered: also where callers may send it again."""
    committed(rates, "drops")

    report = rates.rehearse()

    assert report.cuts > 0
    assert not report.is_good


def test_calls_that_fail_while_it_stops_are_counted(rates: "Rates") -> None:
    """Each with its status, and what was asked for."""
    committed(rates, "fails")

    report = rates.rehearse()

    assert report.lost > 0
    told = {words for turn in report.turns for words in turn.tally.lost}
    assert told <= {f"{one}: 500" for one in ASKED}
    assert not report.is_good


def test_instance_that_must_be_killed_is_told(rates: "Rates") -> None:
    """It ignores SIGTERM, and its grace is over."""
    committed(rates, "deaf")

    report = rates.rehearse(manners=replace(QUICK, grace_seconds=1.0))

    assert [words.partition(" ended ")[2] for words in report.ends] == [
        "with -9, it was killed"
    ]
    assert not report.is_good


def test_key_with_two_effects_is_told(rates: "Rates") -> None:
    """Versions that forget their keys do all again."""
    committed(rates, "forgets")
    rates.say("forgets")

    report = rates.rehearse(requests=60)

    assert report.doubled > 0
    assert not report.is_good


def test_stop_before_the_nodes_know_is_caught(rates: "Rates") -> None:
    """Without a pause, new connections still come when nobody listens."""
    report = rates.rehearse(manners=Manners(6.0, 0.0, 60.0), requests=100)

    told = [words for turn in report.turns for words in turn.tally.lost]
    assert any("a new connection was closed unanswered" in one for one in told), told


def test_new_version_that_does_not_get_ready_is_refused(rates: "Rates") -> None:
    """It says which version, and why."""
    rates.say("late")
    (rates.root / "services/rates/src/fleetwright/serve.py").write_text("raise OSError")

    with pytest.raises(FleetError) as caught:
        rates.rehearse()

    assert "the tree of rates does not become ready" in caught.value.message


def test_neighbour_that_is_not_served_by_both_versions_is_told(
    rates: "Rates",
) -> None:
    """The new caller needs what only the new version gives."""
    needs = rates_needs("/v2/rate")
    folder = rates.root / CONSUMER
    (folder / "src" / "billing").mkdir(parents=True)
    (folder / "src" / "billing" / "__init__.py").touch()
    (folder / "contracts").mkdir()
    (folder / "contracts" / "needs.json").write_text(json.dumps(needs))
    contract = json.loads(
        (rates.root / "services/rates/contracts/openapi.json").read_text()
    )
    contract["paths"]["/v2/rate"] = contract["paths"]["/v1/rate"]
    rates.promise(contract)

    report = rates.rehearse()

    assert {(it.side, it.consumer) for it in report.clashes} == {
        ("the old version among today's neighbours", "billing")
    }
    assert report.lost == 0
    assert not report.is_good


def test_command_tells_and_fails(rates: "Rates") -> None:
    """A table for people, a document for programs, exit code 1 for a loss."""
    words = ["rates", "--requests", "10", "--rate", "40", "--turns", "1"]
    quick = ["--instances", "1", "--pause", "0.3", "--notice", "0.1"]

    good = fleet(rates, *words, *quick)
    committed(rates, "forgets")
    rates.say("forgets")
    bad = fleet(rates, *words, *quick, "--requests", "60", "--json")
    unknown = fleet(rates, "rates", "--from", "v9")

    assert good.returncode == 0, good.stderr
    assert "nothing was lost" in good.stdout
    document = json.loads(bad.stdout)
    assert (bad.returncode, document["good"]) == (1, False)
    assert document["doubled"] > 0
    assert unknown.returncode == 2
    assert "git knows no revision `v9`" in unknown.stderr


def test_mistakes_are_told_in_words(rates: "Rates") -> None:
    """No such service, and a rehearsal of nothing."""
    (rates.root / "services/rates/contracts/openapi.json").unlink()

    absent = fleet(rates, "rate")
    silent = fleet(rates, "rates")

    assert (absent.returncode, silent.returncode) == (2, 1)
    assert "there is no service `rate`" in absent.stderr
    assert "nobody knows what to ask rates for" in silent.stderr
    assert "[rehearse.rates]" in silent.stderr


def test_interrupt_leaves_no_process_behind(rates: "Rates") -> None:
    """Ctrl-C in the middle of a turn ends all that was started."""
    words = [sys.executable, "-m", "fleetwright_cli", "rehearse", "rates"]
    running = subprocess.Popen(
        words, cwd=rates.root, stdout=DEVNULL, stderr=PIPE, text=True
    )
    assert running.stderr is not None
    while not running.stderr.readline().startswith("turn 1"):
        assert running.poll() is None
    begun = of_fleet(rates.root)

    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]

    assert running.returncode == 130, said
    assert len(begun) > 1  # itself, and an instance
    assert not of_fleet(rates.root)


def of_fleet(root: Path) -> list[str]:
    """Return the processes that run in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(root):
                found.append(process.name)
    return found


def committed(rates: "Rates", mode: str) -> None:
    """Have the old version do something wrong, the tree's nothing."""
    rates.say(mode)
    rates.git("commit", "--quiet", "--all", "--message", mode)
    rates.say("well")


def fleet(rates: "Rates", *words: str) -> "subprocess.CompletedProcess[str]":
    """Run `fleet rehearse` in the fleet."""
    return subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", "rehearse", *words],
        cwd=rates.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def rates_needs(path: str) -> dict[str, object]:
    """Return that billing needs an operation of rates."""
    operation = {"operationId": "rate", "responses": {"2XX": {"description": "read"}}}
    call = {
        "provider": "rates",
        "client": "billing.clients:Rates",
        "is_external": False,
        "needs": {
            "openapi": "3.1.0",
            "info": {"title": "billing", "version": "0"},
            "paths": {path: {"get": operation}},
            "x-fleet-facts": 1,
        },
    }
    return {"calls": [call], "hears": [], "rpc": [], "x-fleet-needs": 1}
