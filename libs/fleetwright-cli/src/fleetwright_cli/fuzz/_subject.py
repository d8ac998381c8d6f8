"""A service that runs: what it promises, and what gets in where it asks for tokens."""

import asyncio
import json
import shlex
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.drills._stage import token
from fleetwright_cli.local._identity import Identity
from fleetwright_cli.local._launch import Launch

_DOCUMENT_SECONDS = 30.0
_TOKEN_ATTEMPTS = 3
_METHODS = frozenset(("get", "put", "post", "delete", "patch", "head", "options"))


@dataclass(frozen=True, slots=True)
class Subject:
    """A service that is asked.

    Attributes:
        service: Its name.
        url: Where it answers.
        document: The OpenAPI that it shows.
        scopes: What a person must be let do, to call everything.
        roles: What a person must be, to call everything.
    """

    service: str
    url: str
    document: dict[str, Any]
    scopes: Set[str]
    roles: Set[str]

    @classmethod
    def at(cls, launch: Launch, roles: Iterable[str] = ()) -> "Subject | str":
        """Return a service that runs, or why it is left out.

        Args:
            launch: Its process.
            roles: What a person must be, too, where routes do not say it.

        Raises:
            FleetError: It does not answer.
        """
        document = _document(launch)
        if document is None:
            return "it shows no API (GET /openapi.json answers 404)"
        operations = list(_operations(document))
        if not operations:
            return "it promises no API over HTTP"
        scopes = {
            scope
            for operation in operations
            for alternative in operation.get("security", ())
            for asked in alternative.values()
            for scope in asked
        }
        said = {one["x-role"] for one in operations if "x-role" in one}
        return cls(launch.service, launch.url, document, scopes, said.union(roles))

    @property
    def asks_for_tokens(self) -> bool:
        """Whether an operation is closed to who shows no token."""
        return any("security" in one for one in _operations(self.document))

    async def token(self, identity: Identity | None) -> str:
        """Return a token of a person who may do all; empty where none is asked for.

        Args:
            identity: The issuer; None where none runs.

        Raises:
            FleetError: The issuer gives none.
        """
        if identity is None or not self.asks_for_tokens:
            return ""
        asked = identity, self.service, set(self.scopes), sorted(self.roles)
        for _ in range(_TOKEN_ATTEMPTS - 1):
            with suppress(OSError):  # a machine that is busy, perhaps
                return await asyncio.to_thread(token, *asked)
        try:
            return await asyncio.to_thread(token, *asked)
        except OSError as error:
            raise FleetError(
                f"the issuer gives no token for {self.service}: {error}",
                where=identity.url,
                hint=f"see why: `fleet up {self.service}`, `fleet logs issuer`",
            ) from error

    def typed(self, curl: str, bearer: str, url: str) -> str:
        """Return a line of curl as it is typed while `fleet up` runs.

        Args:
            curl: The line, for this run.
            bearer: The token in it.
            url: Where `fleet up` has the service.
        """
        asked = ["fleet", "token", self.service]
        asked += [word for one in sorted(self.scopes) for word in ("--scope", one)]
        asked += [word for one in sorted(self.roles) for word in ("--role", one)]
        shown = f'"Authorization: Bearer $({shlex.join(asked)})"'
        if bearer:
            curl = curl.replace(f"'Authorization: Bearer {bearer}'", shown)
        return curl.replace(self.url, url)


def _document(launch: Launch) -> dict[str, Any] | None:
    """Return the OpenAPI that a service shows; None where it shows none."""
    url = f"{launch.url}/openapi.json"
    try:
        with urllib.request.urlopen(  # noqa: S310 - an address of ours
            url, timeout=_DOCUMENT_SECONDS
        ) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise _silent(launch, url, error) from error
    except (OSError, ValueError) as error:
        raise _silent(launch, url, error) from error


def _silent(launch: Launch, url: str, error: Exception) -> FleetError:
    """Return that a service does not say what it promises."""
    return FleetError(
        f"{launch.service} does not show its API: {error}",
        where=url,
        hint=f"see what it says: `fleet up {launch.service}`, `fleet logs`",
    )


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the operations of a document."""
    for members in document.get("paths", {}).values():
        yield from (one for name, one in members.items() if name in _METHODS)
