"""A fleet of one service in git, whose two versions are told what to do wrong."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleetwright_cli.fleet import discover
from fleetwright_cli.rehearse import Manners, Pace, Report, Wish, rehearse
from fleetwright_cli.standard._examples import files_of
from fleetwright_cli.venvs import READY, venv_of

STAND_IN = Path(__file__).with_name("stand_in.py")
FLEET = """\
--- fleet.toml
[fleet]
name = "shop"
[rehearse.rates]
before = [{ send = "GET /v1/rate" }]
--- .gitignore
.fleet/
__pycache__/
--- libs/fleetwright/pyproject.toml
[project]
name = "fleetwright"
version = "1"
--- services/rates/requirements.in
-e ../../libs/fleetwright
--- services/rates/requirements.txt
# nothing
--- services/rates/src/rates/__init__.py
--- services/rates/src/rates/app.py
MODE = "well"
"""
KEY = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {}}
NUMBER = {"name": "number", "in": "path", "required": True, "example": 7, "schema": {}}
OK = {"200": {"description": "It is so."}}
CONTRACT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "rates", "version": "1"},
    "paths": {
        "/v1/rate": {"get": {"responses": OK}},
        "/v1/rates/{number}": {
            "parameters": [NUMBER],
            "get": {"responses": OK},
            "post": {"parameters": [KEY], "responses": OK},
        },
    },
}
QUICK = Manners(notice_seconds=0.1, pause_seconds=0.3, grace_seconds=60.0)


@dataclass(frozen=True, slots=True)
class Rates:
    """The fleet on disk.

    Attributes:
        root: Its folder.
    """

    root: Path

    def git(self, *words: str) -> None:
        """Have git do something as somebody."""
        who = ("-c", "user.name=us", "-c", "user.email=us@example.org")
        subprocess.run(["git", *who, "-C", str(self.root), *words], check=True)

    def say(self, mode: str) -> None:
        """Have the tree's version do something wrong, or not."""
        path = self.root / "services/rates/src/rates/app.py"
        path.write_text(f'MODE = "{mode}"\n')

    def promise(self, contract: object) -> None:
        """Have the tree's version promise something."""
        path = self.root / "services/rates/contracts/openapi.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(contract))

    def rehearse(
        self, *, turns: int = 1, requests: int = 20, manners: Manners = QUICK
    ) -> Report:
        """Roll the service from what is committed to what the tree holds."""
        fleet = discover(self.root)
        service = fleet.services["rates"]
        wish = Wish(service, "HEAD", requests, turns, 1, Pace(40.0), manners)
        return rehearse(fleet, wish, {"rates": venv_of(fleet, service).python})


@pytest.fixture
def rates(tmp_path: Path) -> Rates:
    """Give the fleet, its service well-behaved and committed, its environment made."""
    stand_in = "services/rates/src/fleetwright"
    for name, content in files_of(FLEET).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content or "", "utf-8")
    (tmp_path / stand_in).mkdir()
    shutil.copy(STAND_IN, tmp_path / stand_in / "serve.py")
    shop = Rates(tmp_path)
    shop.promise(CONTRACT)
    shop.git("init", "--quiet")
    shop.git("add", "--all")
    shop.git("commit", "--quiet", "--message", "begin")
    fleet = discover(tmp_path)
    venv = venv_of(fleet, fleet.services["rates"])
    venv.python.parent.mkdir(parents=True)
    venv.python.symlink_to(sys.executable)
    (venv.folder / READY).touch()
    return shop
