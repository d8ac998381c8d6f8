"""S15: only our own names are served; headers that guard browsers go with HTML."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from served import problem_in, running, status_of

from fleetwright import Service, Settings
from fleetwright.fastapi import mount
from fleetwright.testing import serving

MODULE = """
from fastapi import FastAPI
from fleetwright import Service, Settings
from fleetwright.fastapi import mount

def create_app():
    app = FastAPI()

    @app.get("/")
    async def root() -> str:
        return "here"

    return mount(app, Service("named", Settings.load()))
"""


def request(host: str, path: str = "/") -> bytes:
    """Return a request that asks a host."""
    lines = (f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", "", "")
    return "\r\n".join(lines).encode()


async def test_only_allowed_hosts_are_served(tmp_path: Path) -> None:
    """Another name is misdirected (421); probes come by number and are let through."""
    (tmp_path / "made.py").write_text(MODULE)
    hosts = "shop.example, *.shop.example, [::1]"
    async with running(tmp_path, "made:create_app", ALLOWED_HOSTS=hosts) as service:
        served = [
            status_of(await service.exchange(request(host)))
            for host in (
                "shop.example",
                "SHOP.example:8000",
                "www.shop.example",
                "[::1]:80",
            )
        ]
        refused = [
            await service.exchange(request(host))
            for host in (
                "evil.example",
                "shop.example.evil.example",
                "127.0.0.1:80",
                "a.b.shop.example",
                "",
            )
        ]
        probe = await service.exchange(request("10.1.2.3", "/readyz"))

    assert served == [200] * 4
    assert [status_of(answer) for answer in refused] == [421] * 5
    assert problem_in(refused[0])["kind"] == "other_host"
    assert status_of(probe) == 200


def pages() -> FastAPI:
    """Return an application with a page, a guarded page and an API."""
    app = FastAPI()

    @app.get("/page", response_class=HTMLResponse)
    async def page() -> str:
        return "<p>hello"

    @app.get("/own")
    async def own() -> HTMLResponse:
        policy = {"Content-Security-Policy": "default-src 'none'"}
        return HTMLResponse("<p>hello", headers=policy)

    @app.get("/api")
    async def api() -> str:
        return "hello"

    return mount(app, Service("pages", Settings(auth="off")))


async def test_html_carries_the_headers_that_guard_browsers() -> None:
    """No sniffing, no framing; what the application sets itself is kept."""
    async with serving(pages()) as http:
        page = (await http.get("/page")).headers
        own = (await http.get("/own")).headers
        api = (await http.get("/api")).headers

    assert page["x-content-type-options"] == "nosniff"
    assert page["referrer-policy"] == "strict-origin-when-cross-origin"
    assert "frame-ancestors 'none'" in page["content-security-policy"]
    assert own.get_list("content-security-policy") == ["default-src 'none'"]
    assert own["x-content-type-options"] == "nosniff"
    assert "content-security-policy" not in api


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_other_origins_are_not_let_in(method: str) -> None:
    """Nothing about other origins is said unless the application says it."""
    asking = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "GET",
    }
    async with serving(pages()) as http:
        answer = await http.request(method, "/api", headers=asking)

    named = [name for name in answer.headers if name.startswith("access-control")]
    assert named == []
