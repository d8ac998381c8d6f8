"""What the runtime promises about stopping, tried with its own server."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fleetwright_cli.fleet import discover
from fleetwright_cli.rehearse import Manners, Pace, Report, Wish, rehearse
from fleetwright_cli.standard._examples import files_of

if TYPE_CHECKING:
    from rehearse.conftest import Rates

ON_THE_RUNTIME = """\
--- services/rates/src/fleetwright/serve.py
--- services/rates/src/rates/app.py
import asyncio

from fastapi import APIRouter, FastAPI

from fleetwright import Service, Settings
from fleetwright.auth import public
from fleetwright.fastapi import mount

router = APIRouter(prefix="/v1")


@router.get("/rate")
@public
async def rate() -> int:
    await asyncio.sleep(WORK_SECONDS)
    return 1


def create_app() -> FastAPI:
    app = FastAPI(title="rates", version="1.0.0")
    app.include_router(router)
    return mount(app, Service("rates", Settings.load()))
"""
ONE_PAGE = {"openapi": "3.1.0", "paths": {"/v1/rate": {"get": {}}}}
MANNERS = Manners(notice_seconds=0.2, grace_seconds=60.0, lame_duck_seconds=2.0)


def rolled(
    rates: "Rates",
    manners: Manners = MANNERS,
    *,
    work_seconds: float = 0.3,
    **settings: str,
) -> Report:
    """Roll a service on the runtime whose committed version has settings of its own."""
    made = ON_THE_RUNTIME.replace("WORK_SECONDS", str(work_seconds))
    for name, content in files_of(made).items():
        path = rates.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content or "", "utf-8")
    (rates.root / "services/rates/src/fleetwright/serve.py").unlink()
    rates.promise(ONE_PAGE)
    given = rates.root / "services/rates/.env"
    given.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    rates.git("add", "--all")
    rates.git("commit", "--quiet", "--message", "on the runtime")
    given.unlink()
    fleet = discover(rates.root)
    pace = Pace(rate=20.0)
    wish = Wish(fleet.services["rates"], "HEAD", 20, 1, 1, pace, manners)
    return rehearse(fleet, wish, {"rates": Path(sys.executable)})


def test_runtime_answers_all_that_it_was_asked(rates: "Rates") -> None:
    """Told to stop, it finishes what is under way and lets nobody down."""
    report = rolled(rates)

    assert [turn.tally.lost for turn in report.turns] == [{}]
    assert report.is_good
    assert report.sent >= 20


def test_service_without_time_to_drain_is_caught(rates: "Rates") -> None:
    """One setting is enough: what is under way is refused."""
    # Calls take so long that some are under way whenever it ends.
    manners = Manners(1.0, grace_seconds=60.0, lame_duck_seconds=0.5)
    report = rolled(rates, manners, work_seconds=3.0, DRAIN_SECONDS="0")

    told = {words for turn in report.turns for words in turn.tally.lost}
    assert "GET /v1/rate: 503 not_serving" in told
    assert not report.is_good
