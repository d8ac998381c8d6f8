"""`fleet check --deep` starts real services and stops real neighbours."""

import subprocess
import sys
from pathlib import Path

import pytest

from fleetwright_cli.drills import BOOT_RULES, boot_breaches
from fleetwright_cli.fleet import discover
from fleetwright_cli.standard import open_repository, rules
from fleetwright_cli.standard._examples import files_of

FLEET = """\
--- fleet.toml
[fleet]
name = "shop"
--- libs/fleetwright/pyproject.toml
[project]
name = "fleetwright"
version = "1"
--- services/billing/requirements.in
-e ../../libs/fleetwright
--- services/billing/src/billing/__init__.py
--- services/rates/requirements.in
-e ../../libs/fleetwright
--- services/rates/src/rates/__init__.py
--- services/rates/src/rates/app.py
from fastapi import APIRouter, FastAPI

from fleetwright import Service, Settings
from fleetwright.auth import public
from fleetwright.fastapi import mount

router = APIRouter(prefix="/v1")


@router.get("/rate")
@public
async def rate() -> int:
    return 1


def create_app() -> FastAPI:
    app = FastAPI(title="rates", version="1.0.0")
    app.include_router(router)
    return mount(app, Service("rates", Settings.load()))
"""
# A service that speaks when it starts, hides its API and ends badly.
RUDE = """\
--- services/rates/src/rates/app.py
import atexit
import os

from fastapi import APIRouter, FastAPI

from fleetwright import Service, Settings
from fleetwright.auth import public
from fleetwright.fastapi import mount

print("hello")
atexit.register(os._exit, 3)
router = APIRouter(prefix="/v1")


@router.get("/rate")
@public
async def rate() -> int:
    return 1


def create_app() -> FastAPI:
    app = FastAPI(title="rates", version="1.0.0", **{"openapi_url": None})
    app.include_router(router)
    return mount(app, Service("rates", Settings.load()))
"""


def found(root: Path, *examples: str) -> set[tuple[str, str]]:
    """Return what goes wrong with the fleet when examples are laid over it."""
    for example in (FLEET, *examples):
        for name, content in files_of(example).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content or "", "utf-8")
    subprocess.run(["git", "-C", str(root), "init", "--quiet"], check=True)
    fleet = discover(root)
    pythons = dict.fromkeys(fleet.services, Path(sys.executable))
    breaches = boot_breaches(open_repository(root), fleet, pythons)
    return {(rule, breach.path.rpartition("/")[2]) for rule, breach in breaches}


def test_services_that_bear_a_neighbours_absence_pass(tmp_path: Path) -> None:
    """They start, show their API, go on without rates, and end well."""
    assert found(tmp_path, rules()["RES-01"].good) == set()


def test_what_goes_wrong_is_told_by_its_rule(tmp_path: Path) -> None:
    """A crash without the neighbour, an odd line, a hidden API, a bad end."""
    assert found(tmp_path, rules()["RES-01"].bad, RUDE) == {
        ("RES-01", "billing"),
        ("LOG-01", "rates"),
        ("SVC-04", "rates"),
        ("CFG-01", "rates"),
    }


def test_service_that_does_not_start_is_told(tmp_path: Path) -> None:
    """Nothing else is tried then."""
    broken = "--- services/rates/src/rates/app.py\nraise ValueError('no')\n"

    told = found(tmp_path, rules()["RES-01"].good, broken)

    assert ("CFG-01", "rates") in told
    assert "RES-01" not in {rule for rule, _ in told}


def test_fleet_without_the_runtime_is_left_alone(tmp_path: Path) -> None:
    """Services on other frameworks are not known how to start."""
    bare = "--- services/billing/requirements.in\nfastapi\n"
    bare += "--- services/rates/requirements.in\nfastapi\n"

    assert found(tmp_path, bare) == set()


@pytest.mark.parametrize("identity", sorted(BOOT_RULES))
def test_rules_of_boots_say_why_and_mend(identity: str) -> None:
    """A finding of a start is told like any other."""
    assert rules()[identity].why
    assert rules()[identity].mend
