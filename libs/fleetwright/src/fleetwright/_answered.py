"""What is said of calls that were answered alike: made once, said a thousand times.

A service answers in some dozens of ways: route, status, who called. What a line, a
measurement and a span say of one way is the same for each call; only its ids and the
time it took are not.
"""

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any, Final

from fleetwright._json import escaped, to_json

_MOST: Final = 1024  # ways to answer that are remembered
_MEANT: Final = {"caller": "fleetwright.caller", "outcome": "fleetwright.outcome"}
Said = Mapping[str, str | int]


class Alike(dict[str, Any]):
    """Attributes that come again as this very object, found by identity alone."""

    __slots__ = ()
    __hash__ = object.__hash__  # type: ignore[assignment]  # by identity: they are never equal to others


class Answer(dict[str, Any]):
    """What stands on the canonical line of a call, except for how long it took.

    Attributes:
        sent: The same as it is sent to a receiver, up to how long it took; made by
            whoever sends it, and empty before.
    """

    sent = b""

    @cached_property
    def text(self) -> str:
        """The same as JSON, without the braces around it."""
        return escaped(to_json(self))[1:-1].decode()

    @cached_property
    def is_failure(self) -> bool:
        """Whether the service failed, or nothing was answered at all."""
        return self["status"] >= 500 or not self["status"]

    @cached_property
    def is_rpc(self) -> bool:
        """Whether it was a call over gRPC, whose method is its route."""
        # An odd client may send any word as a method of HTTP; that has no such route.
        return self["method"] == "GRPC" and self["route"] is not None

    @cached_property
    def measured(self) -> Said:
        """What is said of how long it took."""
        if self.is_rpc:
            return _reply(self["route"], self.get("code", "UNKNOWN"))
        return _answer(self["method"], self["route"], self["status"])

    @cached_property
    def span(self) -> tuple[str, Said]:
        """The name of its span, and what is said of it."""
        status, method, route = self["status"], self["method"], self["route"]
        said: dict[str, str | int]
        if self.is_rpc:
            name, said = route[1:], dict(self.measured)
        else:
            name = method if route is None else f"{method} {route}"
            said = {"http.request.method": method}
            if route is not None:
                said["http.route"] = route
            else:
                said["url.path"] = self["path"]
            if status:
                said["http.response.status_code"] = status
        for field, attribute in _MEANT.items():
            if (value := self[field]) is not None:
                said[attribute] = value
        if self.is_failure:
            said["error.type"] = str(status or self["outcome"])
        return name, said


# One for all that differ in what a measurement does not tell.
@lru_cache(maxsize=2048)
def _answer(method: str, route: str | None, status: int) -> Said:
    said = Alike({"http.request.method": method, "http.response.status_code": status})
    if route is not None:
        said["http.route"] = route
    if status >= 500:
        said["error.type"] = str(status)
    return said


@lru_cache(maxsize=1024)
def _reply(path: str, code: str) -> Said:
    said = {"rpc.system.name": "grpc", "rpc.method": path[1:]}
    return Alike(said | {"rpc.response.status_code": code})


Ending = tuple[int, str, str | None, str | None, str | None]
"""How a call ended: its status, 0 for none, its outcome, who called, who proved to be
the caller, and what the answer lacked; None for nobody and nothing."""

# By what is said of the request, without its names, and how the call ended.
answers: dict[tuple[object, ...], Answer] = {}


def answer_of(described: Mapping[str, Any], ending: Ending) -> Answer:
    """Return what is said of a call; the same object where all of it is the same.

    Args:
        described: Method and route, and what else the protocol knows of the request.
        ending: How the call ended.
    """
    key = (*described.values(), *ending)
    answer = answers.get(key)
    if answer is None:
        status, outcome, caller, principal, degraded = ending
        said = {"status": status, "outcome": outcome, "caller": caller}
        answer = Answer({**described, **said})
        if principal is not None:
            answer["principal"] = principal
        if degraded is not None:
            answer["degraded"] = degraded
        if len(answers) >= _MOST:  # paths that nobody serves, or many people
            answers.clear()
        answers[key] = answer
    return answer


def forget() -> None:
    """Make all answers anew: another value may be a secret now."""
    answers.clear()
