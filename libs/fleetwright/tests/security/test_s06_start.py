"""S6: what keeps a service from starting is said by the command that runs it."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

MODULE = """
from fastapi import FastAPI, WebSocket
from fleetwright import Service, Settings
from fleetwright.auth import allow
from fleetwright.fastapi import mount

def app_with(add):
    app = FastAPI()
    add(app)
    return mount(app, Service("desk", Settings.load()))

def silent():
    return app_with(lambda app: app.get("/v1/secrets")(lambda: "canary"))

def closed():
    return app_with(lambda app: app.get("/v1/secrets")(allow("shop")(lambda: "canary")))

def socket():
    async def feed(socket: WebSocket):
        await socket.close()
    return app_with(lambda app: app.websocket("/v1/feed")(allow("shop")(feed)))
"""
ISSUED = {"AUTH_ISSUER": "https://it", "AUTH_JWKS_URL": "https://it/keys"}


@pytest.mark.parametrize(
    ("target", "environment", "code", "told"),
    [
        (
            "silent",
            {},
            1,
            "1 routes of desk do not say who may call\n  GET /v1/secrets",
        ),
        ("closed", {}, 2, "desk must know who calls, and no issuer is set"),
        ("socket", ISSUED, 1, "WEBSOCKET /v1/feed cannot ask who calls"),
    ],
)
async def test_production_says_why_it_does_not_start(
    tmp_path: Path, target: str, environment: dict[str, str], code: int, told: str
) -> None:
    """What, where and the mend; never a traceback, never an open service."""
    (tmp_path / "made.py").write_text(MODULE)
    bare = {name: it for name, it in os.environ.items() if name != "ENVIRONMENT"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fleetwright.serve", f"made:{target}"),
        cwd=tmp_path,
        env=bare | {"PORT": "0", "LOG_FORMAT": "json"} | environment,
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(60):
        written, said = await process.communicate()

    assert told in said.decode()
    assert "hint: " in said.decode()
    assert "Traceback" not in said.decode()
    assert "service.ready" not in written.decode()
    assert process.returncode == code
