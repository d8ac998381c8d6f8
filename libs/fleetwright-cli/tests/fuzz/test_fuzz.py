"""`fleet contracts fuzz` starts a real service and finds what is wrong with it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fleetwright_cli._app import run
from fleetwright_cli._errors import DONE, FleetError
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_cli.fuzz._environment import schemathesis
from fleetwright_cli.fuzz._outcome import Outcome
from fleetwright_cli.fuzz._run import How, fuzzed
from fleetwright_cli.fuzz._subject import Subject
from fleetwright_cli.fuzz._words import text_of
from fleetwright_cli.standard._examples import files_of

ROOT = Path(__file__).resolve().parents[4]
FLEET = """\
--- fleet.toml
[fleet]
name = "shop"
--- libs/fleetwright/pyproject.toml
[project]
name = "fleetwright"
version = "1"
--- services/plain/requirements.in
flask
--- services/plain/src/plain/__init__.py
--- services/silent/requirements.in
-e ../../libs/fleetwright
--- services/silent/src/silent/__init__.py
--- services/silent/src/silent/app.py
from fastapi import FastAPI

from fleetwright import Service, Settings
from fleetwright.fastapi import mount


def create_app() -> FastAPI:
    return mount(FastAPI(openapi_url=None), Service("silent", Settings.load()))
--- services/rates/requirements.in
-e ../../libs/fleetwright
--- services/rates/src/rates/__init__.py
--- services/rates/src/rates/app.py
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel

from fleetwright import Problem, Service, Settings
from fleetwright.auth import public
from fleetwright.fastapi import INVALID_REQUEST, mount, refused

app = FastAPI(title="rates", version="1.0.0")
away = ["once"]


class Rate(BaseModel):
    per_mille: int


@app.get("/v1/rates", responses={422: INVALID_REQUEST})
@public
async def rates(days: Annotated[int, Query(ge=1, le=31)]) -> Rate:
    return Rate(per_mille=1000 // (days - 31))


@app.post(
    "/v1/rates",
    responses={
        422: refused("Refused: `odd_rate`; or `invalid_request`."),
        503: refused("Not there now: `unavailable`."),
    },
)
@public
async def keep(rate: Rate) -> Rate:
    if rate.per_mille % 2:
        raise Problem(422, "Odd", kind="odd_rate")
    if away:
        raise Problem(503, "Away", kind=away.pop(), headers={"Retry-After": "0"})
    return rate


def create_app() -> FastAPI:
    return mount(app, Service("rates", Settings.load()))
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """Return the interpreter that has Schemathesis."""
    return schemathesis(discover(ROOT))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Return a fleet of a service that divides by zero on the last day of a month."""
    root = tmp_path_factory.mktemp("fleet")
    text = FLEET.replace('away = ["once"]', 'away = ["unavailable"]')
    for name, content in files_of(text).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content or "", "utf-8")
    subprocess.run(["git", "-C", str(root), "init", "--quiet"], check=True)
    return discover(root)


@pytest.fixture(scope="module")
def outcomes(planted: Fleet, python: Path) -> dict[str, Outcome]:
    """Return what comes of asking that fleet."""
    how = How(python, seed=1, examples=5, seconds=600)
    pythons = dict.fromkeys(planted.services, Path(sys.executable))
    found = fuzzed(planted, list(planted.services), pythons, how)
    return {one.service: one for one in found}


def test_an_answer_of_500_is_found_and_can_be_typed(
    planted: Fleet, outcomes: dict[str, Outcome]
) -> None:
    """It is the only fault: an odd rate is refused as promised, one 503 is over."""
    faults = outcomes["rates"].faults

    assert {one.check for one in faults} == {
        *("not_a_server_error", "status_code_conformance"),
    }
    assert {(one.operation, one.status) for one in faults} == {("GET /v1/rates", 500)}
    assert re.fullmatch(
        r"curl -X GET '?http://127\.0\.0\.1:\d+/v1/rates\?days=31'?", faults[0].curl
    )


def test_a_service_without_an_api_is_left_out(outcomes: dict[str, Outcome]) -> None:
    """It is said which, and why."""
    assert outcomes["plain"].left_out == "it is not on the runtime"
    assert "shows no API" in outcomes["silent"].left_out


def test_the_catalog_keeps_its_contract(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A service of the shop passes all checks, tokens included."""
    monkeypatch.chdir(ROOT)
    words = ["contracts", "fuzz", "catalog", "--examples", "3", "--seed", "1"]
    words += ["--seconds", "600", "--json"]

    code = run(words)

    told = capsys.readouterr().out
    assert code == DONE, told
    (found,) = json.loads(told)["services"]
    assert found["faults"] == []
    assert not found["stopped"]
    assert {"ignored_auth", "not_a_server_error", "unsupported_method"} <= {
        *found["checks"],
    }
    assert found["requests"] > 50


def test_what_is_found_is_told_in_words(outcomes: dict[str, Outcome]) -> None:
    """The fault, the answer, the line to type, and how to ask the same again."""
    told = text_of(list(outcomes.values()), seed=7)

    assert "silent: left out, it shows no API" in told
    assert "  GET /v1/rates: Server error (not_a_server_error, " in told
    assert "    the answer is 500\n" in told
    assert "    curl -X GET " in told
    assert told.endswith("seed 7: `--seed 7` asks the same again")


def test_a_line_of_curl_gets_a_token_of_its_own_when_it_is_typed() -> None:
    """The token of the run is over by then, and its ports are others."""
    one = Subject("tills", "http://127.0.0.1:20000", {}, frozenset("b"), frozenset("c"))
    curl = "curl -H 'Authorization: Bearer x.y' http://127.0.0.1:20000/v1"

    assert one.typed(curl, "x.y", "http://127.0.0.1:8003") == (
        'curl -H "Authorization: Bearer $(fleet token tills --scope b --role c)"'
        " http://127.0.0.1:8003/v1"
    )


def test_an_unknown_service_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names those that there are."""
    monkeypatch.chdir(ROOT)

    with pytest.raises(FleetError, match="nobody"):
        run(["contracts", "fuzz", "nobody"])
