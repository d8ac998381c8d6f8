"""Calls over gRPC and events: what a rolling restart does to them is counted, too."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import discover
from fleetwright_cli.rehearse import Manners, Pace, Report, Wish, rehearse
from fleetwright_cli.rehearse._events import Heard

if TYPE_CHECKING:
    from rehearse.conftest import Rates

APP = Path(__file__).with_name("deliveries.py")
MANNERS = Manners(notice_seconds=0.2, grace_seconds=60.0, lame_duck_seconds=2.0)
RECEIVE, COUNTS = (
    "GRPC /shop.stock.v1.Stock/Receive",
    "GRPC /shop.stock.v1.Stock/Counts",
)
ASKED = """
[rehearse.rates]
requests = [
  { send = "RECEIVE", body = BODY, again = { received = false } },
  { send = "COUNTS", body = { skus = ["a"] } },
]
"""
BODY = '{ delivery_id = "{n}", lines = [{ sku = "a", quantity = 1 }] }'


def rolled(rates: "Rates", *, old: str, new: str, asked: str = ASKED) -> Report:
    """Roll a service that answers gRPC and hears events; each version has a mode."""
    folder = rates.root / "services/rates"
    (folder / "src/fleetwright/serve.py").unlink()
    (folder / "contracts/openapi.json").unlink()
    (folder / "src/rates/migrations").mkdir()  # who has some is given a database
    manifest = (rates.root / "fleet.toml").read_text("utf-8")
    head = manifest.partition("[rehearse.")[0]
    for word, text in (("BODY", BODY), ("RECEIVE", RECEIVE), ("COUNTS", COUNTS)):
        asked = asked.replace(word, text)
    (rates.root / "fleet.toml").write_text(head + asked, "utf-8")
    say(rates, old)
    rates.git("add", "--all")
    rates.git("commit", "--quiet", "--message", "deliveries")
    say(rates, new)
    fleet = discover(rates.root)
    wish = Wish(fleet.services["rates"], "HEAD", 60, 1, 1, Pace(20.0), MANNERS)
    return rehearse(fleet, wish, {"rates": Path(sys.executable)})


def say(rates: "Rates", mode: str) -> None:
    """Have the tree's version do something wrong, or not."""
    said = APP.read_text("utf-8").replace('MODE = "well"', f'MODE = "{mode}"')
    (rates.root / "services/rates/src/rates/app.py").write_text(said, "utf-8")


def test_service_that_drains_loses_no_call_and_doubles_no_event(
    rates: "Rates",
) -> None:
    """Of both versions; events come twice and have one effect."""
    report = rolled(rates, old="well", new="well")

    assert [turn.tally.lost for turn in report.turns] == [{}]
    assert (report.cuts, report.doubled, report.refused) == (0, 0, [])
    assert report.is_good
    assert sum(turn.tally.repeated for turn in report.turns) > 3
    assert report.heard.events > 10
    assert report.heard.again > 0
    assert report.heard.doubled == 0


def test_service_that_lets_calls_go_is_caught(rates: "Rates") -> None:
    """It ends when it should drain: also where callers may send it again."""
    report = rolled(rates, old="drops", new="well")

    assert report.cuts + report.lost > 0
    assert not report.is_good


def test_effects_that_are_had_twice_are_caught(rates: "Rates") -> None:
    """Of calls with one id, and of events that the broker delivers again."""
    report = rolled(rates, old="forgets", new="forgets")

    assert report.doubled > 0
    assert report.heard.doubled > 0
    assert not report.is_good


@pytest.mark.parametrize(
    ("send", "told"),
    [
        ("GRPC /shop.stock.v1.Stock/Give", "the service has no such method"),
        (COUNTS, 'no field named "delivery_id"'),
    ],
)
def test_call_that_cannot_be_made_is_refused(
    rates: "Rates", send: str, told: str
) -> None:
    """Before any load, and it says which one."""
    asked = f'[rehearse.rates]\nrequests = [{{ send = "{send}", body = BODY }}]\n'

    with pytest.raises(FleetError) as caught:
        rolled(rates, old="well", new="well", asked=asked)

    assert send in caught.value.message, caught.value.where
    assert told in caught.value.message
    assert caught.value.exit_code == 2


def test_effects_are_counted_by_event() -> None:
    """One that came again had none; what is no event is passed over."""
    heard = Heard()
    said = '{"event": "event.handled", "topic": "t", "message": "%s", "outcome": "%s"}'
    for id, outcome in [
        ("a", "handled"),
        ("a", "duplicate"),
        ("b", "handled"),
        ("b", "handled"),
        ("c", "parked"),
    ]:
        heard.line("rates-1", said % (id, outcome))
    heard.line("rates-1", '{"event": "event.redelivered", "topic":"t","message":"c"}')
    heard.line("rates-1", '"event.handled" is no document')
    heard.line("rates-1", "nothing")

    assert heard.facts() == {"heard": 3, "again": 1, "doubled": 1}
    assert heard.topics == {"t"}
