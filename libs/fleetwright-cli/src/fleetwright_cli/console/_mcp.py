"""Tools for assistants: the views as JSON-RPC of the Model Context Protocol.

What only looks is answered at once. What changes a process is answered with the
question that a page would ask, and done when the call comes again with consent.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fleetwright_cli._errors import FleetError
from fleetwright_cli.console._actions import Actions, read_json
from fleetwright_cli.console._asked import Asked
from fleetwright_cli.console._site import Site

VERSIONS: Final = ("2025-06-18", "2025-03-26", "2024-11-05")
LONGEST_TEXT: Final = 200_000
_NO_METHOD, _NO_REQUEST, _NO_PARAMETERS = -32601, -32600, -32602
Facts = dict[str, Any]

# Each view that is a tool: what it tells, and what may be asked of it.
_LOOKS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "resources": ("Every process: state, address, traffic, what it takes.", {}),
    "resource": ("One process and its history.", {"name": "The process."}),
    "map": ("Who calls whom, as declared and as seen.", {"minutes": "How far back."}),
    "routes": (
        "Rate, failures and durations of every route.",
        {"service": "Only of this one.", "minutes": "How far back."},
    ),
    "traces": (
        "The newest traces.",
        {
            "service": "Only with this one.",
            "q": "Part of the name.",
            "failed": "1: only failed ones.",
            "slower": "Only those over so many ms.",
            "limit": "How many.",
        },
    ),
    "trace": ("One trace with its spans and lines.", {"id": "The trace."}),
    "span": ("One span in full.", {"id": "The trace.", "span": "The span."}),
    "compare": ("Two traces, span by span.", {"one": "A trace.", "other": "Another."}),
    "logs": (
        "The newest log lines.",
        {
            "service": "Only of this one.",
            "level": "debug, info, warning or error.",
            "q": "Words in it.",
            "trace": "Only of this trace.",
            "since": "Only of the last seconds.",
            "limit": "How many.",
        },
    ),
    "runs": ("This run and the last, route by route.", {"run": "", "before": ""}),
    "events": ("Topics: who publishes and hears them, what waits.", {}),
    "parked": ("Events that wait, are dead or refused.", {}),
    "captured": ("Calls with their bodies.", {"service": "Only of this one."}),
    "faults": ("Faults that are switched on.", {}),
    "contracts": (
        "Who fits whose contracts, and the value that does not.",
        {"consumer": "Open this one's edge", "provider": "to this one."},
    ),
    "changes": ("What this tree changes in contracts since main, and whom.", {}),
    "checks": ("What holding the repository to the standard found.", {}),
}
_ACTS: Final = {
    "restart": "Drain {name} and start it again? Calls that come meanwhile fail.",
    "stop": "Drain {name} and leave it stopped? Its callers go without it.",
    "start": "Start {name}?",
}
Look = Callable[[Site, Asked], Facts]


class Tools:
    """Answers one message of an assistant at a time; nothing is kept between them."""

    def __init__(
        self, site: Site, views: Mapping[str, Look], actions: Actions, version: str
    ) -> None:
        """Keep what is looked at.

        Args:
            site: The fleet.
            views: What can be looked at, by name.
            actions: What can be done.
            version: Of the tool.
        """
        self._site = site
        self._views = views
        self._actions = actions
        self._version = version

    def route(self) -> Route:
        """Return where messages are taken."""
        return Route("/mcp", self._answer, methods=["POST"])

    async def _answer(self, request: Request) -> Response:
        try:
            message = await read_json(request)
        except ValueError as error:
            return JSONResponse(_failed(None, _NO_REQUEST, str(error)), 400)
        id, method = message.get("id"), message.get("method")
        if id is None:
            return Response(status_code=202)  # a notification
        given = message.get("params")
        given = given if isinstance(given, dict) else {}
        if method == "tools/call":
            said = await run_in_threadpool(self._call, id, given)
        elif method == "initialize":
            said = _done(id, self._greeting(given))
        elif method == "tools/list":
            said = _done(id, {"tools": tools()})
        elif method == "ping":
            said = _done(id, {})
        else:
            said = _failed(id, _NO_METHOD, f"{str(method)[:100]} is not known here")
        return JSONResponse(said)

    def _greeting(self, given: Facts) -> Facts:
        wanted = given.get("protocolVersion")
        return {
            "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "fleetwright", "version": self._version},
        }

    def _call(self, id: object, given: Facts) -> Facts:
        name, arguments = str(given.get("name")), given.get("arguments") or {}
        if name not in (*_LOOKS, *_ACTS) or not isinstance(arguments, dict):
            return _failed(id, _NO_PARAMETERS, f"no tool is called {name[:100]}")
        try:
            said = self._said(name, arguments)
        except (FleetError, ValueError) as error:
            content = [{"type": "text", "text": str(error)}]
            return _done(id, {"content": content, "isError": True})
        text = json.dumps(said, ensure_ascii=False)
        if len(text) > LONGEST_TEXT:
            text = f"{text[:LONGEST_TEXT]} ... cut: ask for less"
        return _done(id, {"content": [{"type": "text", "text": text}]})

    def _said(self, name: str, arguments: Facts) -> Facts:
        """Return what a tool answers."""
        if name in _LOOKS:
            known = _LOOKS[name][1]
            asked = {it: str(arguments[it]) for it in known if it in arguments}
            return self._views[name](self._site, Asked(QueryParams(asked)))
        process = str(arguments.get("name"))
        if arguments.get("agreed") is not True:
            question = _ACTS[name].format(name=process[:100])
            return {"question": question, "then": "ask the person; call with agreed"}
        return self._actions.process({"name": process, "verb": name})


def tools() -> list[Facts]:
    """Return the tools as they are listed."""
    looks = [
        _tool(name, words, dict(known), reads=True)
        for name, (words, known) in _LOOKS.items()
    ]
    who = {"name": "The process."}
    acts = [
        _tool(name, words.format(name="a process"), who, reads=False)
        for name, words in _ACTS.items()
    ]
    return looks + acts


def _tool(name: str, words: str, known: Mapping[str, str], *, reads: bool) -> Facts:
    properties: Facts = {
        it: {"type": "string", "description": what} for it, what in known.items()
    }
    if not reads:
        consent = (
            "Whether the person has said yes; without it, the question comes back."
        )
        properties["agreed"] = {"type": "boolean", "description": consent}
    return {
        "name": name,
        "description": words,
        "inputSchema": {"type": "object", "properties": properties},
        "annotations": {"readOnlyHint": reads, "destructiveHint": not reads},
    }


def _done(id: object, result: Facts) -> Facts:
    return {"jsonrpc": "2.0", "id": id, "result": result}


def _failed(id: object, code: int, message: str) -> Facts:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}
