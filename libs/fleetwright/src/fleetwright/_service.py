"""Service: a name, settings and parts; nothing else."""

import inspect
import re
from typing import Any, TypeVar, cast

from typing_extensions import TypeForm

from fleetwright._admission import Admission
from fleetwright._health import Health, Status
from fleetwright._lifecycle import Lifecycle, State
from fleetwright._part import kind_of, method_of, name_of
from fleetwright._secrets import mask
from fleetwright._settings import Settings
from fleetwright.auth._gate import Gate
from fleetwright.auth._tokens import token_source
from fleetwright.errors import DeclarationError

T = TypeVar("T")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


class Service:
    """One service: its name, its settings, and the parts it is made of.

    Parts open in the order they were added and close in reverse. Any object may be a
    part; `open`, `drain`, `close`, `check` and `facts` are called where it has them. An
    attribute `service` that is None becomes the service's name, one `tokens` that is
    None becomes where it has its tokens from; a method `added_to` is called with the
    service itself. A service whose part fails its check is not ready, unless the part
    has `is_essential = False`: then it is degraded, and goes on.

    Attributes:
        name: What the fleet calls it.
        settings: What it read from the environment.
        version: Which version of it runs.
        lifecycle: Its state and its calls in flight.
        admission: The places it has for calls in flight.
        health: What the checks of its parts find.
        gate: Who may call it.
        tokens: What it shows to those it calls; None when nobody says where from.
    """

    def __init__(self, name: str, settings: Settings, *, version: str = "0") -> None:
        """Make a service without parts.

        Args:
            name: Lower-case letters, digits and dashes, as in a host name.
            settings: What it read from the environment.
            version: Which version of it runs.

        Raises:
            DeclarationError: The name is not one.
            SettingsError: The settings would let faults be injected in production.
        """
        if not _NAME.fullmatch(name):
            raise DeclarationError(
                f"{name!r} is not a name for a service",
                where="Service(name, settings)",
                hint="use lower-case letters, digits and dashes, as in 'orders'",
            )
        self.name = name
        self.settings = settings
        self.version = version
        self.lifecycle = Lifecycle()
        self.admission = Admission(settings.max_in_flight)
        self.health = Health()
        self.gate = Gate(name, settings)
        self.tokens = token_source(name, settings)
        self._parts: dict[object, object] = {}
        if settings.fleet_faults is not None:
            # Here and not above: who never injects faults never loads what they need.
            from fleetwright._fault_file import fault_file

            self.add(fault_file(settings, settings.fleet_faults))
        if settings.capture_calls:
            from fleetwright._capture import refuse_production

            refuse_production(settings)
        if settings.fleet_log_levels is not None:
            from fleetwright._log_level_file import LogLevelFile

            self.add(LogLevelFile(settings.fleet_log_levels, settings.log_level))

    def add(self, part: T) -> T:
        """Add a part; it is opened after those added before it.

        Args:
            part: Any object, one of each kind.

        Returns:
            The part.

        Raises:
            DeclarationError: There is one of this kind, or the service has started.
        """
        self._must_be_new(f"add({name_of(part)})")
        kind = kind_of(part)
        if kind in self._parts:
            raise DeclarationError(
                f"{self.name} has a {name_of(part)} already",
                where=f"Service({self.name!r}).add",
                hint="make a subclass for the second one, so that Uses() can tell them",
            )
        self._parts[kind] = part
        if getattr(part, "service", self.name) is None:
            # Found by getattr: a part need not have it.
            part.service = self.name  # type: ignore[attr-defined]
        calling: Any = getattr(part, "__part__", part)
        if getattr(calling, "tokens", self) is None:
            calling.tokens = self.tokens
        added_to = getattr(part, "added_to", None)
        if added_to is not None:
            added_to(self)
        return part

    def find(self, kind: TypeForm[T]) -> T:
        """Return the part of a kind.

        Args:
            kind: The class it was added as, the Protocol of a typed client, or a class
                that exactly one part is an instance of.

        Returns:
            The part.

        Raises:
            DeclarationError: There is none, or more than one fits.
        """
        part = self._parts.get(kind)
        if part is not None:
            return cast(T, part)
        found = [one for one in self._parts.values() if _is_a(one, kind)]
        if len(found) == 1:
            return cast(T, found[0])
        wanted = getattr(kind, "__name__", str(kind))
        has = ", ".join(name_of(one) for one in self._parts.values()) or "none"
        raise DeclarationError(
            f"{self.name} has {len(found) or 'no'} parts of kind {wanted}",
            where=f"its parts: {has}",
            hint=f"add one in create_app: service.add({wanted}(...))",
        )

    def replace(self, kind: object, part: object) -> None:
        """Put another part in the place of one; for tests, before the start.

        Args:
            kind: The kind of the part to replace.
            part: What stands in for it; it need not be of that kind.

        Raises:
            DeclarationError: There is no such part, or the service has started.
        """
        self._must_be_new(f"replace({getattr(kind, '__name__', kind)})")
        kept = self.find(cast(TypeForm[object], kind))
        for key, value in self._parts.items():
            if value is kept:
                self._parts[key] = part

    @property
    def parts(self) -> tuple[object, ...]:
        """The parts, in the order of opening."""
        return tuple(self._parts.values())

    @property
    def state(self) -> State:
        """Where the service is in its life."""
        return self.lifecycle.state

    async def open(self) -> None:
        """Open the parts in order.

        Raises:
            DeclarationError: A route does not say who may call it.
            SettingsError: A route asks for tokens that nobody issues.
            BaseException: What the part that could not be opened raised.
        """
        try:
            self.gate.open()
        except BaseException as error:
            self.lifecycle.failure = error
            raise
        await self.lifecycle.open(self.parts)

    async def close(self) -> None:
        """Drain within `drain_seconds`, then close the parts in reverse."""
        await self.lifecycle.drain(self.settings.drain_seconds)
        await self.lifecycle.close()
        self.admission.close()
        await self.gate.close()
        if self.tokens is not None:
            await self.tokens.close()

    async def info(self) -> dict[str, Any]:
        """Return what the service says about itself.

        Returns:
            `service`, `version`, `state`, `status` (ok, degraded or down, as the last
            probe found; unknown before) and `failing` (each part that is not well, and
            why), `in_flight`, `admission` and, under `parts`, the facts of each part; a
            part that cannot tell says why.
        """
        last = self.health.last  # not asked anew: a check may take its time
        status = Status.UNKNOWN if last is None else last.status
        failing = {} if last is None else last.failing
        parts = {name_of(part): await _facts(part) for part in self.parts}
        return {
            "service": self.name,
            "version": self.version,
            "state": str(self.state),
            "status": str(status),
            "failing": failing,
            "in_flight": self.lifecycle.in_flight,
            "admission": self.admission.facts(),
            "parts": parts,
        }

    def _must_be_new(self, what: str) -> None:
        if self.lifecycle.state is not State.NEW:
            raise DeclarationError(
                f"{self.name} has started; its parts are fixed",
                where=f"Service({self.name!r}).{what}",
                hint="do it in create_app, or in the test before serving(app)",
            )


def service_of(app: object) -> Service | None:
    """Return the service an application is mounted on, or that it is itself.

    Args:
        app: What a `create_app` returned.

    Returns:
        The service; None for an application that was not mounted.
    """
    if isinstance(app, Service):
        return app
    found = getattr(getattr(app, "state", None), "fleetwright", None)
    if found is None:  # Flask keeps what others put on an application elsewhere
        found = dict(getattr(app, "extensions", ())).get("fleetwright")
    return found if isinstance(found, Service) else None


def _is_a(part: object, kind: object) -> bool:
    # A Protocol is found under its own name only: isinstance() looks at attributes.
    return (
        isinstance(kind, type)
        and not getattr(kind, "_is_protocol", False)
        and isinstance(part, kind)
    )


async def _facts(part: object) -> dict[str, object]:
    asking = method_of(part, "facts")
    if asking is None:
        return {}
    try:
        told: Any = asking()
        return dict(await told if inspect.isawaitable(told) else told)
    except Exception as error:  # one part that cannot tell must not hide the others
        return {"error": mask(f"{type(error).__name__}: {error}")}
