"""Who may call a route: declared where the route is, as data that tools can read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fleetwright._principal import Principal
from fleetwright.errors import DeclarationError

T = TypeVar("T")
MARK: Final = "__access__"
_SERVICE = re.compile(r"[a-z][a-z0-9-]{0,62}")
_WORD = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")  # scope-token of RFC 6749


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call one route.

    Attributes:
        everyone: Whether nobody is asked who they are.
        services: Services that may call, by name.
        scope: What a user's token must be good for; None when no user may call.
        role: What a user must be; None when the scope is enough.
    """

    everyone: bool = False
    services: frozenset[str] = frozenset()
    scope: str | None = None
    role: str | None = None

    def admits(self, principal: Principal) -> bool:
        """Return whether somebody who is authenticated may call.

        Args:
            principal: Who calls.
        """
        if self.everyone:
            return True
        if principal.kind == "service":
            return principal.subject in self.services
        if self.scope is None and self.role is None:
            return False
        has_scope = self.scope is None or self.scope in principal.scopes
        return has_scope and (self.role is None or self.role in principal.roles)

    def __str__(self) -> str:
        """Return it in words, for a table of routes."""
        if self.everyone:
            return "everyone"
        words = sorted(self.services)
        asked = [f"scope {self.scope}"] if self.scope else []
        asked += [f"role {self.role}"] if self.role else []
        return ", ".join([*words, " and ".join(asked)] if asked else words)


EVERYONE: Final = Access(everyone=True)


def allow(
    *services: str, scope: str | None = None, role: str | None = None
) -> Callable[[T], T]:
    """Return a decorator that says who may call a route.

    Services are let in by name, users by what their token says. It stands below the
    framework's own decorator, nearest to the function:

    `@router.post("/orders")` and then `@allow("storefront", scope="orders:write")`

    Args:
        *services: Names of the services that may call.
        scope: What the token of a user must be good for.
        role: What a user must be; with a scope, both are asked for.

    Returns:
        The decorator; the function stays what it is.

    Raises:
        DeclarationError: It lets nobody in, or a name is none.
    """
    where = f"allow({', '.join(map(repr, services))})"
    for name in services:
        if not _SERVICE.fullmatch(name):
            raise DeclarationError(
                f"{name!r} is not a name of a service",
                where=where,
                hint="use its name in the fleet, as in allow('storefront')",
            )
    for word in (scope, role):
        if word is not None and not _WORD.fullmatch(word):
            raise DeclarationError(
                f"{word!r} is neither a scope nor a role",
                where=where,
                hint="use one word without spaces, as in scope='orders:write'",
            )
    if not services and scope is None and role is None:
        raise DeclarationError(
            "a route that nobody may call",
            where=where,
            hint="name a service, a scope or a role; or declare it @public",
        )
    access = Access(services=frozenset(services), scope=scope, role=role)
    return lambda thing: _marked(thing, access)


def public(thing: T) -> T:
    """Say that anyone may call a route, without saying who they are.

    Args:
        thing: The function of a route, or an application that is mounted under a path.

    Returns:
        The same thing.

    Raises:
        DeclarationError: It was declared already.
    """
    return _marked(thing, EVERYONE)


def access_of(thing: object) -> Access | None:
    """Return who may call, as declared on a function or a mounted application.

    Args:
        thing: What `allow` or `public` stands on.

    Returns:
        The declaration; None where there is none.
    """
    found = getattr(thing, MARK, None)
    return found if isinstance(found, Access) else None


def _marked(thing: T, access: Access) -> T:
    marked: Any = thing
    if MARK in vars(marked):
        raise DeclarationError(
            f"{getattr(thing, '__qualname__', thing)} is declared twice",
            where=f"{access_of(thing)}, and {access}",
            hint="say it once: @allow(...) or @public",
        )
    setattr(marked, MARK, access)
    return thing
