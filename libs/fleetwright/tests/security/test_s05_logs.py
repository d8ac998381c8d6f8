"""S5: a secret does not get into the logs, and nothing in them can fake a line."""

import json
from pathlib import Path

import pytest
from served import running

from fleetwright._logs import RECORD_BYTES, render_json

MODULE = """
import asyncio
import base64
import logging
import threading
import warnings
import structlog
from fastapi import FastAPI
from pydantic import SecretStr
from fleetwright import Service, Settings
from fleetwright.fastapi import mount

log = structlog.get_logger()

class Named(Settings):
    bank_token: SecretStr

def jwt(word):
    return "eyJhbGciOiJFZERTQSJ9." + base64.urlsafe_b64encode(word).decode() + ".c2ln"

class Part:
    async def check(self):
        raise OSError("no answer of amqp://me:canary-in-check@host")

def create_app():
    settings = Named.load()
    known = settings.bank_token.get_secret_value()
    app = FastAPI()

    @app.get("/places")
    async def places() -> None:
        log.info("asked", note=f"with {known}")
        log.info(f"message with {known}")
        log.info("asked", password="canary-by-name")
        log.info("asked", card_number="canary-by-name")
        log.info("asked", deep={"a": [{"api_key": "canary-deep"}]})
        log.info("asked", settings=settings, plain=settings.bank_token)
        log.info("asked", url="postgres://me:canary-in-url@host/db")
        log.info("asked", url="https://canary-token-as-user@host/db")
        log.info("asked", header="Bearer canary-as-bearer")
        log.info("asked", headers={"X-Weird": "canary-in-header", "Host": "shown"})
        log.info("asked", headers=[(b"cookie", b"canary-in-cookie")])
        log.info("asked", text=jwt(b"canary-in-jwt-0000"))
        log.info("asked", text="-----BEGIN PRIVATE KEY-----\\ncanary-in-pem\\n")
        logging.getLogger("other").warning("standard %s", known)
        logging.getLogger("other").warning("x", extra={"secret": "canary-extra"})
        warnings.warn(f"deprecated {known}")
        log.info("forged", text="a\\nb\\r\\x1b[31m\\x9bc\\u2028d")

    @app.get("/fails")
    async def fails() -> None:
        try:
            raise KeyError(known)
        except KeyError as error:
            raise ValueError("redis://me:canary-in-error@host") from error

    @app.get("/thread")
    async def thread() -> None:
        def work():
            raise ValueError(known)
        one = threading.Thread(target=work)
        one.start()
        await asyncio.to_thread(one.join)

    service = Service("logged", settings)
    service.add(Part())
    return mount(app, service)
"""


async def test_secrets_are_in_none_of_the_places(tmp_path: Path) -> None:
    """Twelve places and more; by name, by value and by shape: no hit in any output."""
    (tmp_path / "made.py").write_text(MODULE)
    async with running(
        tmp_path, "made:create_app", BANK_TOKEN="canary-known-value"
    ) as service:
        answers = b""
        for path in (
            "/places",
            "/fails",
            "/thread",
            "/readyz",
            "/info",
            "/no/eyJhbGciOiJFZERTQSJ9.Y2FuYXJ5LWluLXBhdGg.c2ln",
        ):
            answers += await service.exchange(
                f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                "Authorization: Bearer canary-sent\r\nCookie: a=canary-sent\r\n"
                "Fleet-Caller: canary\x1b[31m\r\n\r\n".replace("\x1b", "~").encode()
            )
        service.process.terminate()
        await service.ended()
        assert service.process.stderr is not None
        errors = await service.process.stderr.read()

    printed = json.dumps(service.events, ensure_ascii=False)
    assert "canary" not in printed
    assert "Y2FuYXJ5" not in printed  # the same in base64
    assert b"canary" not in errors
    assert b"canary" not in answers
    assert printed.count("***") >= 17
    assert '"host": "shown"' in printed
    assert {"asked", "call.failed", "thread.failed"} <= set(service.names)


@pytest.mark.parametrize("bad", ["\n", "\r", "\x1b", "\x00", "\x7f", "\x9b", "\u2028"])
def test_one_event_is_one_printable_line(bad: str) -> None:
    """Nothing in a value begins a line or speaks to a terminal."""
    line = {"event": f"a{bad}b", f"na{bad}me": f"c{bad}d"}
    data = render_json(line)
    text = data.decode()

    assert text.endswith("\n")
    assert text[:-1].isprintable()
    assert json.loads(text) == line


def test_a_record_is_at_most_16_kib() -> None:
    """A huge value is cut, and the line says so."""
    data = render_json({"event": "a", "text": "x" * 100_000, "more": "\x9b" * 9000})

    assert len(data) <= RECORD_BYTES
    assert json.loads(data)["truncated"] is True
