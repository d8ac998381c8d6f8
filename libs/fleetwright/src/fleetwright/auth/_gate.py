"""The gate of one service: who is calling, and may they?

Edges use it in two steps. `identified` says who calls, before anything of the request
is read; `require` stands at the route and lets in whom its declaration names.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

import structlog

from fleetwright._context import Call, current_call
from fleetwright._principal import Principal
from fleetwright._problem import Problem
from fleetwright._settings import Settings
from fleetwright.auth._access import Access
from fleetwright.auth._keys import FetchedKeys, Keys
from fleetwright.auth._verify import TokenRefused, Verifier
from fleetwright.errors import DeclarationError, SettingsError

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fleetwright")

Routes = Mapping[str, Access | None]
_BEARER: Final = b"bearer "
_ANYONE: Final = Principal("anyone", "service")  # with AUTH=off everybody is trusted
_OWN_HOSTS: Final = frozenset(("127.0.0.1", "::1", "localhost"))


class Gate:
    """Who may call one service. Safe to use from several tasks.

    Closed unless opened: a route without a declaration lets nobody in, and a service
    that needs to know who calls does not start without an issuer.

    Attributes:
        service: The service; tokens must be for it.
        is_off: Whether everyone is let in everywhere (`AUTH=off`).
        tables: What returns the routes there are.
        identifies: Whether it matters who calls; only then `identified` must be asked.
    """

    def __init__(
        self, service: str, settings: Settings, *, keys: Keys | None = None
    ) -> None:
        """Guard one service.

        Args:
            service: Its name.
            settings: Who issues tokens, and whether anybody is asked for one.
            keys: The issuer's keys; fetched from `AUTH_JWKS_URL` when left out.
        """
        self.service = service
        self.is_off = self._is_told_off = settings.auth == "off"
        self._plain_url = ""
        if settings.environment == "production" and _is_plain(settings.auth_jwks_url):
            self._plain_url = settings.auth_jwks_url
        self._callers = _names(settings.auth_callers)
        self._of_tests = settings.environment == "test"
        self.tables: list[Callable[[], Routes]] = []
        if keys is None and settings.auth_jwks_url and not self.is_off:
            keys = FetchedKeys(settings.auth_jwks_url)
        self._keys = keys
        self._given: Verifier | None = None
        if keys is not None and settings.auth_issuer:
            self._given = Verifier(
                issuer=settings.auth_issuer, audience=service, keys=keys
            )
        self._verifier = self._given
        self.identifies = self._verifier is not None

    def routes_from(self, table: Callable[[], Routes]) -> None:
        """Learn which routes there are; an adapter calls it once.

        Args:
            table: Returns routes by a name people know, with who may call; None for a
                route that does not say.
        """
        self.tables.append(table)

    @property
    def routes(self) -> dict[str, Access | None]:
        """Every route of the service with who may call it."""
        found: dict[str, Access | None] = {}
        for table in self.tables:
            found |= table()
        return found

    def open(self) -> None:
        """Begin to let callers in, when the routes pass the check.

        Raises:
            DeclarationError: Routes do not say who may call.
            SettingsError: Nobody says who issues the tokens that are asked for.
        """
        if self._is_told_off:
            _log.warning("auth.off", service=self.service)
            return
        self.check_routes()

    def check_routes(self) -> None:
        """Check that every route says who may call, and that it can be told.

        An adapter asks again when its application may have added routes at its start.

        Raises:
            DeclarationError: Routes do not say who may call.
            SettingsError: Nobody says who issues the tokens that are asked for.
        """
        if self._is_told_off:
            return
        routes = self.routes
        silent = [name for name, access in routes.items() if access is None]
        # A toy of a test, which is not about who calls.
        self.is_off = self._of_tests and len(silent) == len(routes)
        if self.is_off:
            return
        if silent:
            raise DeclarationError(
                f"{len(silent)} routes of {self.service} do not say who may call",
                where="\n".join(sorted(silent)),
                hint='put @allow("a-service", scope="...") or @public below each',
            )
        closed = [
            name for name, access in routes.items() if access and not access.everyone
        ]
        self.identifies = True
        # Where nobody is asked, what is claimed is not believed.
        self._verifier = self._given if closed else None
        if closed:
            self._need_issuer(closed)

    def _need_issuer(self, closed: list[str]) -> None:
        """Check that it can be told who calls, for the routes that ask."""
        if self._verifier is None:
            raise SettingsError(
                f"{self.service} must know who calls, and no issuer is set",
                where="AUTH_ISSUER and AUTH_JWKS_URL; asked for by "
                + ", ".join(sorted(closed)[:3]),
                hint="start it with `fleet up`, or set both; AUTH=off lets everyone in",
            )
        _need_jwt()
        if self._plain_url:  # whoever answers there decides who is let in
            _log.warning("keys.unprotected", url=self._plain_url)
            self._plain_url = ""  # said once

    async def close(self) -> None:
        """Give back what is held."""
        if self._keys is not None:
            await self._keys.close()

    async def identified(
        self, call: Call, headers: Iterable[tuple[bytes, bytes]]
    ) -> Call:
        """Return the call with who makes it, proved by the token it carries.

        What a header claims about the caller does not count here. A token that is no
        good is as none: the route decides whether one is needed.

        Args:
            call: The call as it came in.
            headers: Of the request, or the metadata of gRPC; names in lower case.

        Returns:
            The call; `principal` is None for nobody.

        Raises:
            Unavailable: The issuer's keys are not known yet.
        """
        token = _token(headers) if self._verifier is not None else None
        if token is None or self._verifier is None:
            return call if call.caller is None else replace(call, caller=None)
        try:
            principal = await self._verifier.principal_of(token)
        except TokenRefused as refused:
            _log.warning("token.refused", why=str(refused))
            return replace(call, caller=None)
        caller = principal.subject if principal.kind == "service" else None
        return replace(call, principal=principal, caller=caller)

    def require(self, access: Access | None) -> None:
        """Let the current call in, or refuse it.

        Args:
            access: What the route declares; None lets nobody in.

        Raises:
            Problem: 401 when nobody is authenticated, 403 when it is another.
        """
        if self.is_off or (access is not None and access.everyone):
            return
        call = current_call()
        principal = None if call is None else call.principal
        if principal is None:
            raise not_authenticated()
        if access is None or not self.admits(access, principal):
            raise Problem(403, "Not allowed", kind="not_allowed")

    def caller(self) -> Principal:
        """Return who makes the current call, for a handler that wants to know.

        Returns:
            Who is authenticated; the service `anyone` where everyone is let in.

        Raises:
            Problem: 401, nobody is.
        """
        call = current_call()
        if call is not None and call.principal is not None:
            return call.principal
        if self.is_off:
            return _ANYONE
        raise not_authenticated()

    def admits(self, access: Access, principal: Principal) -> bool:
        """Return whether a route is open to somebody who is authenticated.

        Args:
            access: What the route declares.
            principal: Who calls.
        """
        if principal.kind == "service" and self._callers is not None:
            return principal.subject in self._callers and access.admits(principal)
        return access.admits(principal)


def _names(text: str | None) -> frozenset[str] | None:
    """Return the names in a list with commas; None where there is no list."""
    if text is None:
        return None
    return frozenset(name for name in (one.strip() for one in text.split(",")) if name)


def _is_plain(url: str) -> bool:
    """Return whether others on the network may answer in the place of a URL."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in _OWN_HOSTS


def not_authenticated() -> Problem:
    """Return the one answer to every token that is missing or no good."""
    return Problem(
        401,
        "Not authenticated",
        headers={"WWW-Authenticate": "Bearer"},
        kind="not_authenticated",
    )


def _need_jwt() -> None:
    """Load what verifies, at the start and not in the first request."""
    try:
        import jwt.algorithms  # noqa: F401 - to have it loaded
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"fleetwright.auth needs {error.name}\n"
            "hint: add `fleetwright[auth]` to requirements.in and run `fleet lock`",
            name=error.name,
        ) from None


def routes_and_callers(app: object) -> dict[str, Access | None]:
    """Return the routes of an application with who may call each.

    Args:
        app: What `create_app` returned.

    Returns:
        Routes in order of declaration, None for one that does not say; empty for an
        application that is not mounted.
    """
    service = app if hasattr(app, "gate") else _mounted(app)
    gate = getattr(service, "gate", None)
    return gate.routes if isinstance(gate, Gate) else {}


def _mounted(app: object) -> object:
    """Return the service an application is mounted on, by the mark of its adapter."""
    state = getattr(app, "state", None)
    found = getattr(state, "fleetwright", None)
    if found is None:
        found = getattr(app, "extensions", {}).get("fleetwright")
    return found


def _token(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the token of `Authorization: Bearer`, or None without exactly one."""
    found = [value for name, value in headers if name == b"authorization"]
    if len(found) != 1 or found[0][: len(_BEARER)].lower() != _BEARER:
        return None
    return found[0][len(_BEARER) :].strip(b" ").decode("latin-1")
