"""S14: what a client writes about itself is believed of our own proxies only."""

import json
from pathlib import Path

import pytest
from served import Running, running

MODULE = """
from fastapi import FastAPI, Request
from fleetwright import Service, Settings
from fleetwright.fastapi import mount

def create_app():
    app = FastAPI()

    @app.get("/")
    async def root(request: Request) -> dict[str, object]:
        names = ("forwarded", "x-real-ip")
        return {
            "client": request.client.host,
            "url": str(request.url),
            "forwarded": [
                name for name in request.headers
                if name.startswith("x-forwarded") or name in names
            ],
        }

    return mount(app, Service("proxied", Settings.load()))
"""
SPOOFED = (
    b"GET / HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n"
    b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
    b"X-Forwarded-Host: evil.example\r\nForwarded: for=6.6.6.6\r\n"
    b"X-Real-IP: 6.6.6.6\r\n\r\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a service in it."""
    (tmp_path / "made.py").write_text(MODULE)
    return tmp_path


async def seen(service: Running) -> dict[str, object]:
    """Return what the handler sees of a spoofed request."""
    answer = await service.exchange(SPOOFED)
    return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))


@pytest.mark.parametrize("proxies", ["", "10.0.0.0/8, ::1"])
async def test_forwarded_headers_of_strangers_are_dropped(
    folder: Path, proxies: str
) -> None:
    """Without a proxy of ours in between, nobody says where he comes from."""
    async with running(folder, "made:create_app", TRUSTED_PROXIES=proxies) as service:
        told = await seen(service)

    assert told == {
        "client": "127.0.0.1",
        "url": "http://shop.example/",
        "forwarded": [],
    }


async def test_forwarded_headers_of_our_proxy_are_believed(folder: Path) -> None:
    """What TRUSTED_PROXIES names may say for whom it asks."""
    async with running(
        folder, "made:create_app", TRUSTED_PROXIES="127.0.0.0/8"
    ) as service:
        told = await seen(service)

    assert told["client"] == "6.6.6.6"
    assert str(told["url"]).startswith("https://")
