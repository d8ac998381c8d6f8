"""The console's routes: a page, its parts and its JSON, from one function each."""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fleetwright_cli._errors import FleetError
from fleetwright_cli.console import (
    _bus_views,
    _captured,
    _compared,
    _details,
    _logs,
    _overview,
    _receiver,
    _traces,
)
from fleetwright_cli.console._access import Access
from fleetwright_cli.console._actions import Actions
from fleetwright_cli.console._asked import Asked
from fleetwright_cli.console._changes import Changes
from fleetwright_cli.console._checked import Checked
from fleetwright_cli.console._mcp import Tools
from fleetwright_cli.console._promises import Promises
from fleetwright_cli.console._site import Site

HERE = Path(__file__).parent
_VERSION = version("fleetwright-cli")
View = Callable[[Site, Asked], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: where it is, what it is called, which parts are on it.

    Attributes:
        path: Its address.
        title: In the rail and in the window's title.
        key: The key after `g` that leads to it; empty for a page beside the rail.
        parts: The parts that are there from the first paint on.
    """

    path: str
    title: str
    key: str
    parts: tuple[str, ...] = ()


PAGES = {
    "overview": Page(
        "/", "Overview", "o", ("resources", "map", "traffic", "failing", "tail")
    ),
    "logs": Page("/logs", "Logs", "l", ("logs",)),
    "traces": Page("/traces", "Traces", "t", ("traces",)),
    "map": Page("/map", "Map", "m", ("map",)),
    "metrics": Page("/metrics", "Metrics", "s", ("traffic", "routes", "metrics")),
    "events": Page("/events", "Events", "e"),
    "api": Page("/explorer", "API", "a", ("explorer",)),
    "faults": Page("/faults", "Faults", "f", ("faults", "map")),
    "runs": Page("/runs", "Runs", "r", ("runs",)),
    "contracts": Page("/contracts", "Contracts", "n", ("contracts",)),
    "checks": Page("/checks", "Checks", "c"),
    "resource": Page(
        "/resources/{name}", "Resource", "", ("resource", "settings", "traffic", "logs")
    ),
    "compare": Page("/compare", "Two traces", "", ("compare",)),
    "trace": Page("/traces/{id}", "Trace", "", ("trace", "span")),
}


def views(
    bus: _bus_views.Views, checked: Checked, promises: Promises, changes: Changes
) -> dict[str, View]:
    """Return what can be asked for, by name: as a part and as JSON.

    Args:
        bus: What asks the services.
        checked: What the repository was last found to be.
        promises: What compares the contracts with one another.
        changes: What compares them with those of main.
    """
    return {
        "resources": _overview.resources,
        "map": _overview.service_map,
        "traffic": _overview.traffic,
        "failing": _traces.last_failing,
        "tail": _logs.tail,
        "logs": _logs.logs,
        "traces": _traces.traces,
        "trace": _traces.trace,
        "span": _details.span,
        "compare": _compared.compare,
        "runs": _compared.runs,
        "resource": _details.resource,
        "settings": _details.settings,
        "level": _details.level,
        "routes": _details.routes,
        "metrics": _details.metrics,
        "events": bus.events,
        "parked": bus.parked,
        "parked_event": bus.parked_event,
        "checks": checked.checks,
        "contracts": promises.contracts,
        "changes": changes.changes,
        "faults": _bus_views.faults,
        "explorer": _bus_views.explorer,
        "captured": _captured.captured,
    }


@cache
def templates() -> Environment:
    """Return the templates; each is read and compiled once."""
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["clock"] = clock
    found.filters["day"] = day
    found.filters["duration"] = _traces.duration_text
    found.globals["pages"] = PAGES
    return found


class Console:
    """Answers browsers and programs."""

    def __init__(self, site: Site) -> None:
        """Prepare the templates.

        Args:
            site: What is shown.
        """
        self._site = site
        self._bus = _bus_views.Views(site)
        self._checked = Checked(site.fleet.root, site.stream.tell)
        fleet = site.fleet
        self._views = views(self._bus, self._checked, Promises(fleet), Changes(fleet))
        self._templates = templates()

    def app(self) -> Starlette:
        """Return the application, guarded."""
        site = self._site
        actions = Actions(site, self._bus, self._checked)

        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            site.stream.bind()
            yield

        routes = [
            *(Route(page.path, self._page(name)) for name, page in PAGES.items()),
            Route("/part/{part}", self._part),
            Route("/api/status", self._status),
            Route("/api/captured.py", self._test),
            Route("/api/{view}", self._json),
            Route("/stream", self._stream),
            Route("/livez", _alive),
            Route("/readyz", _alive),
            *actions.routes(),
            Tools(site, self._views, actions, _VERSION).route(),
            *_receiver.routes(site.store),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]
        guard = Middleware(Access, keys=site.keys)
        handlers: Any = {FleetError: _told, sqlite3.Error: _unreadable}
        return Starlette(
            routes=routes,
            middleware=[guard],
            lifespan=lifespan,
            exception_handlers=handlers,
        )

    def _page(self, name: str) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            asked = _asked(request)
            context = self._frame(name, asked)
            for part in PAGES[name].parts:
                context[part] = self._views[part](self._site, asked)
            text = self._templates.get_template(f"{name}.html").render(context)
            return HTMLResponse(text)

        return answer

    def _frame(self, name: str, asked: Asked) -> dict[str, Any]:
        """Return what every page shows."""
        report = self._site.feed.report
        return {
            "page": name,
            "fleet": self._site.fleet.manifest.fleet.name,
            "asked": asked,
            "names": self._site.names,
            "colour": self._site.colour,
            "uptime": report["seconds"],
            "backing": self._site.fleet.manifest.up.broker,
            "dropped": self._site.store.dropped,
            "counts": _overview.resources(self._site, asked)["counts"],
        }

    async def _part(self, request: Request) -> Response:
        name = request.path_params["part"]
        if name not in self._views:
            return PlainTextResponse("there is no such part", 404)
        return await run_in_threadpool(self._rendered, name, _asked(request))

    def _rendered(self, name: str, asked: Asked) -> Response:
        context = self._frame("", asked) | {name: self._views[name](self._site, asked)}
        template = self._templates.get_template(f"parts/{name}.html")
        return HTMLResponse(template.render(context))

    async def _json(self, request: Request) -> Response:
        view = self._views.get(request.path_params["view"])
        if view is None:
            known = {"error": {"message": "no such view", "hint": sorted(self._views)}}
            return JSONResponse(known, 404)
        found = await run_in_threadpool(view, self._site, _asked(request))
        return JSONResponse(found)

    def _test(self, request: Request) -> Response:
        """Give a captured call as a test to keep."""
        call = _captured.one(self._site, _asked(request))
        if call is None:
            return PlainTextResponse("no such call is kept", 404)
        name = f"test_{call['service'].replace('-', '_')}_{call['id']}.py"
        kept = {"content-disposition": f'attachment; filename="{name}"'}
        return PlainTextResponse(_captured.as_test(call), headers=kept)

    def _status(self, request: Request) -> Response:
        store = self._site.store
        counts = {"written": store.written, "dropped": store.dropped}
        return JSONResponse(
            {"fleet": self._site.fleet.root.name, "run": store.run} | counts
        )

    async def _stream(self, request: Request) -> Response:
        if self._site.stream.is_full:
            return PlainTextResponse("too many pages are open", 503)
        media = "text/event-stream"
        return StreamingResponse(self._site.stream.listen(), media_type=media)


def _asked(request: Request) -> Asked:
    """Return what the address asks, its path included."""
    path = {k: v for k, v in request.path_params.items() if k in ("name", "id")}
    if "name" in path:
        path["service"] = path["name"]
    pairs = [it for it in request.query_params.multi_items() if it[0] not in path]
    return Asked(QueryParams([*pairs, *path.items()]))


async def _alive(request: Request) -> Response:
    return JSONResponse({"status": "ready"})


async def _told(request: Request, error: Exception) -> Response:
    """Answer with a mistake that a person can mend."""
    assert isinstance(error, FleetError)  # noqa: S101 - registered for these
    parts = {"message": error.message, "where": error.where, "hint": error.hint}
    return JSONResponse({"error": parts}, 422)


async def _unreadable(request: Request, error: Exception) -> Response:
    """Answer while the database cannot be read."""
    return PlainTextResponse("what is kept cannot be read just now", 503)


def clock(seconds: float, *, exact: bool = False) -> str:
    """Return a time of day as the machine's clock shows it.

    Args:
        seconds: Since 1970.
        exact: Whether milliseconds are told.
    """
    try:
        text = time.strftime("%H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "?"
    return f"{text}.{int(seconds * 1000) % 1000:03d}" if exact else text


def day(seconds: float) -> str:
    """Return a day and a time of day as the machine's clock shows them.

    Args:
        seconds: Since 1970.
    """
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
