"""What a service is asked for: of fleet.toml, else of the examples in its contract."""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID, uuid5

from fleetwright_cli.fleet._rehearse import Sent

KEY_HEADER = "Idempotency-Key"
RPC = "GRPC"
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
_METHODS = ("get", "put", "post", "delete", "patch")
_NUMBER, _UUID = "{n}", "{uuid}"
_SPACE = UUID("0e9d8d4b-8f0a-4a4e-9a55-0d6d1ad0c7f1")
_UNSURE = object()


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that can be sent as often as one likes.

    Attributes:
        method: Of HTTP, or `GRPC`.
        path: With its query, or the method of gRPC; `{n}` is another word each time,
            `{uuid}` another UUID.
        body: What is sent as JSON; None for nothing.
        service: Who is asked; empty for the service that is rehearsed.
        share: How often, beside the others.
        is_keyed: Whether it has an Idempotency-Key, so that sending it twice has one
            effect.
        is_harmless: Whether callers say themselves that it may be sent again.
        again: What is answered where it is sent twice; None for the same.
    """

    method: str
    path: str
    body: Any = None
    service: str = ""
    share: int = 1
    is_keyed: bool = False
    is_harmless: bool = False
    again: Any = None

    @property
    def name(self) -> str:
        """What people call it: method and path."""
        return f"{self.method} {self.path}"

    @property
    def is_rpc(self) -> bool:
        """Whether it is sent over gRPC."""
        return self.method == RPC

    @property
    def is_repeatable(self) -> bool:
        """Whether HTTP lets it be sent again when nobody knows what became of it."""
        return self.is_keyed or self.is_harmless or self.method in _REPEATABLE

    def message(self, number: str) -> Any:
        """Return what is sent over gRPC.

        Args:
            number: What `{n}` is.
        """
        return json.loads(_filled(json.dumps(self.body), number))

    def head_and_body(self, number: str, token: str) -> bytes:
        """Return the request as bytes.

        Args:
            number: What `{n}` is, and the key where it has one.
            token: What proves who asks; empty for nothing.
        """
        body = b""
        lines = [f"{self.method} {_filled(self.path, number)} HTTP/1.1"]
        lines += ["Host: 127.0.0.1", "Accept: */*", "User-Agent: fleet-rehearse"]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        if self.is_keyed:
            lines.append(f"{KEY_HEADER}: {number}")
        if self.body is not None:
            body = _filled(json.dumps(self.body), number).encode()
            lines.append("Content-Type: application/json")
        if body or self.method not in ("GET", "DELETE"):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join((*lines, "", "")).encode() + body


def _filled(text: str, number: str) -> str:
    """Return a text of this one request: told again, it is the same."""
    return text.replace(_NUMBER, number).replace(_UUID, str(uuid5(_SPACE, number)))


@dataclass(frozen=True, slots=True)
class Asks:
    """All that a service is asked for.

    Attributes:
        before: Sent once.
        over_and_over: Sent in turn, each as often as its share.
        left_out: Operations nobody knows how to ask for, each with why.
    """

    before: Sequence[Ask]
    over_and_over: Sequence[Ask]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def all(self) -> Sequence[Ask]:
        """Whatever is sent, each once."""
        return [*self.before, *self.over_and_over]

    @property
    def others(self) -> list[str]:
        """The services that are asked beside the one that is rehearsed."""
        return sorted({one.service for one in self.all if one.service})

    def each(self, change: Callable[[Ask], Ask]) -> "Asks":
        """Return the same with every request changed.

        Args:
            change: Gets one, gives what takes its place.
        """
        before, again = map(change, self.before), map(change, self.over_and_over)
        return replace(self, before=list(before), over_and_over=list(again))

    def endless(self) -> Iterator[Ask]:
        """Yield what is asked for, in turn, without end."""
        return itertools.cycle(
            [one for one in self.over_and_over for _ in range(one.share)]
        )


def asks_of(
    contract: Any,
    *,
    before: Sequence[Sent] = (),
    requests: Sequence[Sent] = (),
    pages: Sequence[str] = (),
    others: Mapping[str, Any] | None = None,
) -> Asks:
    """Return what a service is asked for.

    Args:
        contract: Its OpenAPI document; None where it has none.
        before: What fleet.toml says is sent first.
        requests: What it says is sent over and over; the contract decides when empty.
        pages: Paths that can be asked for without knowing more; for services that have
            no contract.
        others: The OpenAPI documents of other services, by name.
    """
    operations = list(_operations(contract))
    known = {name: list(_operations(one)) for name, one in (others or {}).items()}
    known[""] = operations
    first = [_said(one, known) for one in before]
    if requests:
        return Asks(first, [_said(one, known) for one in requests])
    found, left_out = [], {}
    for method, path, operation in operations:
        ask = _exampled(contract, method, path, operation)
        if isinstance(ask, Ask):
            found.append(ask)
        else:
            left_out[f"{method.upper()} {path}"] = ask
    if not operations:
        found = [Ask("GET", page) for page in pages]
    return Asks(first, found, left_out)


_Operation = tuple[str, str, Mapping[str, Any]]


def _operations(contract: Any) -> Iterator[_Operation]:
    for path, methods in ((contract or {}).get("paths") or {}).items():
        for method in _METHODS:
            if method in methods:
                shared = methods.get("parameters", [])
                own = methods[method]
                parameters = [*shared, *own.get("parameters", [])]
                yield method, path, {**own, "parameters": parameters}


def _said(sent: Sent, known: Mapping[str, Sequence[_Operation]]) -> Ask:
    """Return a request of fleet.toml; the contract knows whether it has a key."""
    method, _, place = sent.send.partition(" ")
    service, _, path = place.partition("/")
    ask = Ask(
        method,
        f"/{path}",
        sent.body,
        service,
        sent.share,
        is_harmless=sent.repeatable,
        again=sent.again,
    )
    plain = ask.path.partition("?")[0]
    for one, template, operation in known.get(service, ()):
        if method.lower() == one and _fits(template, plain):
            return replace(ask, is_keyed=_is_keyed(operation))
    return ask


def _fits(template: str, path: str) -> bool:
    """Return whether a path is one of a template's."""
    pattern = "[^/]+".join(map(re.escape, re.split(r"\{[^}]*\}", template)))
    return re.fullmatch(pattern, path) is not None


def _is_keyed(operation: Mapping[str, Any]) -> bool:
    return any(
        one.get("in") == "header" and str(one.get("name")).lower() == KEY_HEADER.lower()
        for one in operation["parameters"]
    )


def _exampled(
    contract: Any, method: str, path: str, operation: Mapping[str, Any]
) -> Ask | str:
    """Return the request that a contract's examples make; else what it lacks."""
    query = {}
    for parameter in operation["parameters"]:
        name, place = parameter.get("name", ""), parameter.get("in")
        if place == "header" and name.lower() == KEY_HEADER.lower():
            continue
        if not parameter.get("required"):
            continue
        value = _example(contract, parameter)
        if value is _UNSURE:
            return f"no example of {name}"
        if place == "path":
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        elif place == "query":
            query[name] = value
        else:
            return f"{name} is sent as {place}"
    body = None
    said = _resolved(contract, operation.get("requestBody") or {})
    if said:
        media = (said.get("content") or {}).get("application/json")
        body = _UNSURE if media is None else _example(contract, media)
        if body is _UNSURE:
            return "no example of its body"
    target = f"{path}?{urlencode(query)}" if query else path
    return Ask(method.upper(), target, body, is_keyed=_is_keyed(operation))


def _example(contract: Any, said: Mapping[str, Any]) -> Any:
    """Return the example beside a schema or in it."""
    if "example" in said:
        return said["example"]
    for one in (said.get("examples") or {}).values():
        resolved = _resolved(contract, one)
        if "value" in resolved:
            return resolved["value"]
    schema = _resolved(contract, said.get("schema") or {})
    for key in ("example", "default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    return _UNSURE


def _resolved(contract: Any, said: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a reference inside the document leads to."""
    for _ in range(8):  # a reference to itself leads nowhere
        reference = said.get("$ref", "")
        if not reference.startswith("#/"):
            return said
        found: Any = contract
        for part in reference[2:].split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        said = found
    return {}
