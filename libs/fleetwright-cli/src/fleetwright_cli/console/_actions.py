"""What a person has done: processes, faults, events, a call by hand; each is noted."""

import json
import secrets
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fleetwright_cli._errors import FleetError
from fleetwright_cli.console import _rpcs
from fleetwright_cli.console._bus_views import Views, ask_services
from fleetwright_cli.console._checked import Checked
from fleetwright_cli.console._rows import EventRow
from fleetwright_cli.console._site import Site
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._fault_plan import (
    changing,
    delay_seconds,
    edge_of,
    ends_at,
    share_of,
    span_seconds,
    status_of,
)
from fleetwright_cli.local._fault_words import require_sense, words
from fleetwright_cli.local._log_levels import FILE, change, level_of
from fleetwright_cli.local._tokens import issued

MOST_BYTES = 1_000_000
CALL_SECONDS = 30.0
PROCESS_VERBS = frozenset({"restart", "stop", "start"})
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", _rpcs.METHOD})
Given = Mapping[str, Any]


class Actions:
    """The calls that change something; who may ask was decided before."""

    def __init__(self, site: Site, views: Views, checked: Checked) -> None:
        """Keep whose they are.

        Args:
            site: The fleet.
            views: Told to forget what an action changes.
            checked: Holds the repository to the standard again.
        """
        self._site = site
        self._views = views
        self._checked = checked

    def routes(self) -> list[Route]:
        """Return where each is asked for."""
        return [
            self._route("/api/resources/{name}/level", self.level),
            self._route("/api/resources/{name}/{verb}", self.process),
            self._route("/api/faults", self.add_fault),
            self._route("/api/faults/clear", self.clear_faults),
            self._route("/api/events/replay", self.replay),
            self._route("/api/call", self.call),
            self._route("/api/checks/again", self.check_again),
        ]

    def _route(self, path: str, act: Callable[[Given], dict[str, Any]]) -> Route:
        """Return a route that reads JSON, acts in a thread and notes what was done."""

        async def answer(request: Request) -> Response:
            try:
                given = await read_json(request) | dict(request.path_params)
                done = await run_in_threadpool(act, given)
            except FleetError as error:
                parts = {"message": error.message, "hint": error.hint}
                return JSONResponse({"error": parts}, 422)
            except ValueError as error:
                return JSONResponse({"error": {"message": str(error)}}, 400)
            return JSONResponse(done)

        return Route(path, answer, methods=["POST"])

    def process(self, given: Given) -> dict[str, Any]:
        """Restart, stop or start a process of the fleet."""
        verb, name = str(given["verb"]), str(given["name"])
        if verb not in PROCESS_VERBS:
            raise ValueError(f"{verb} is not restart, stop or start")
        if name not in {it["name"] for it in self._site.statuses}:
            raise ValueError(f"no process {name[:100]} runs here")
        self._note(name, verb, "asked in the console")
        reply = ask(self._site.places.run, verb, services=[name])
        if reply is None:
            raise FleetError("nothing runs here", hint="start it with `fleet up`")
        return {"services": reply["services"]}

    def level(self, given: Given) -> dict[str, Any]:
        """Change the level that a service logs at, until it starts anew."""
        name, level = str(given["name"]), level_of(str(given.get("level")))
        services = {it["service"] for it in self._site.statuses if it["name"] == name}
        if not services:
            raise ValueError(f"no process {name[:100]} runs here")
        file = self._site.places.run / FILE
        found = change(file, services.pop(), level, self._site.statuses)
        self._note(name, "log level", level.lower())
        self._site.stream.tell(frozenset({"levels"}))
        return {"services": [one.facts() for one in found]}

    def add_fault(self, given: Given) -> dict[str, Any]:
        """Switch a fault on, in the words of `fleet faults add`."""
        edge = edge_of(str(given.get("edge", "")), self._site.fleet.services)
        fault: dict[str, Any] = {"edge": edge, "at": str(given.get("at") or "caller")}
        if given.get("delay"):
            fault["delay_seconds"] = delay_seconds(str(given["delay"]))
        if given.get("error"):
            fault["error"] = status_of(_whole(given["error"]))
        if given.get("drop"):
            fault["drop"] = str(given["drop"])
            if fault["drop"] not in ("reset", "refused", "silence"):
                raise ValueError("a call is dropped by reset, refused or silence")
        require_sense(fault)
        fault["share"] = share_of(str(given.get("share") or "100%"))
        lasts = given.get("lasts")
        fault["ends_at"] = ends_at(span_seconds(str(lasts), "--for") if lasts else None)
        with changing(self._site.places.faults) as plan:
            added = plan.add(fault)
        self._note(edge, "fault", words(added))
        self._site.stream.tell(frozenset({"faults"}))
        return added

    def clear_faults(self, given: Given) -> dict[str, Any]:
        """Switch one fault off, or all."""
        which = given.get("id")
        with changing(self._site.places.faults) as plan:
            gone = plan.take(None if which is None else str(which))
        for fault in gone:
            self._note(str(fault["edge"]), "fault cleared", words(fault))
        self._site.stream.tell(frozenset({"faults"}))
        return {"cleared": gone}

    def replay(self, given: Given) -> dict[str, Any]:
        """Have parked events tried again; safe to repeat."""
        ids = given.get("ids")
        if not isinstance(ids, list) or not ids:
            raise ValueError("say which events: ids")
        chosen = [str(id) for id in ids[:1000]]
        verbs = ("replay", "--", *chosen)
        answers = ask_services(self._site, lambda one: one.answer(*verbs))
        self._views.forget()
        self._note("events", "replay", ", ".join(chosen)[:500])
        self._site.stream.tell(frozenset({"events"}))
        failed = [str(error) for error in answers.failed.values()]
        return {"services": dict(answers.said), "failed": failed}

    def check_again(self, given: Given) -> dict[str, Any]:
        """Hold the repository to the standard again; the answer does not wait."""
        return {"checking": self._checked.again()}

    def call(self, given: Given) -> dict[str, Any]:
        """Call a service of the fleet by hand, in a trace of its own."""
        service, path = str(given.get("service")), str(given.get("path"))
        url = self._site.urls().get(service)
        method = str(given.get("method", "GET")).upper()
        if url is None or service not in self._site.fleet.services:
            raise ValueError("no such service is in this fleet")
        if not path.startswith("/") or method not in METHODS:
            raise ValueError(
                "give a path that begins with / and a method of HTTP, or GRPC"
            )
        trace = secrets.token_hex(16)
        headers = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
        for line in str(given.get("headers") or "").splitlines():
            name, _, value = line.partition(":")
            if name.strip() and value.strip().isprintable():
                headers[name.strip()] = value.strip()
        headers |= self._who(service, given)
        if given.get("once"):
            headers["Idempotency-Key"] = str(uuid.uuid4())
        self._note(service, "call", f"{method} {path[:200]}")
        text = str(given.get("body") or "")
        if method == _rpcs.METHOD:
            done = _rpcs.sent(self._site, service, path, text, headers)
            return done | {"trace": trace}
        body = text.encode()
        if body:
            headers.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(  # noqa: S310 - a service of our own map
            url + path, body or None, headers, method=method
        )
        return _answered(request) | {"trace": trace}

    def _who(self, service: str, given: Given) -> dict[str, str]:
        """Return the header of a token, where it is said who calls."""
        subject = str(given.get("subject") or "")
        if not subject:
            return {}
        scopes, roles = (str(given.get(it) or "").split() for it in ("scopes", "roles"))
        answer = issued(
            self._site.places, service, subject=subject, scopes=scopes, roles=roles
        )
        return {"Authorization": f"Bearer {answer['access_token']}"}

    def _note(self, resource: str, what: str, why: str) -> None:
        """Note what the owner of the fleet had done, and when."""
        self._site.store.put((EventRow(time.time_ns(), resource, what, why, ""),))


class _Here(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the call is for one service."""

    def redirect_request(self, *details: Any) -> None:
        """Answer with the redirect itself."""


def _answered(request: urllib.request.Request) -> dict[str, Any]:
    """Return what a service answers, of whatever status."""
    opener = urllib.request.build_opener(_Here, urllib.request.ProxyHandler({}))
    began = time.monotonic()
    try:
        answer = opener.open(request, timeout=CALL_SECONDS)
    except urllib.error.HTTPError as error:
        answer = error
    except (OSError, ValueError) as error:
        raise FleetError(f"the service did not answer: {error}") from error
    with answer:
        body = answer.read(MOST_BYTES)
        return {
            "status": answer.status,
            "headers": dict(answer.headers.items()),
            "body": body.decode("utf-8", "replace"),
            "milliseconds": round(1000 * (time.monotonic() - began), 1),
        }


async def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object of a call, of bounded size.

    Args:
        request: The call.

    Raises:
        ValueError: It is too large, or no JSON object.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise ValueError("the body is too large")
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ValueError("the body is no JSON") from None
    if not isinstance(found, dict):
        raise ValueError("the body is no JSON object")
    return found


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError("a status is a number") from None
