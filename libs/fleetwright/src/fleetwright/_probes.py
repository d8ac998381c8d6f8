"""/livez, /readyz and /info as plain values."""

from typing import Any, Final

from fleetwright._health import Status
from fleetwright._lifecycle import State
from fleetwright._service import Service

PROBES: Final = frozenset(("/livez", "/readyz", "/info"))


class Probes:
    """What a service answers to those who watch it."""

    def __init__(self, service: Service) -> None:
        """Answer for one service.

        Args:
            service: Whose probes these are.
        """
        self._service = service

    async def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return the answer to a probe.

        Args:
            path: One of `PROBES`.

        Returns:
            HTTP status and JSON document. `/livez` is 200 while the loop turns;
            `/readyz` is 503 before the parts are open, when the check of a part fails,
            and from the moment the service is told to stop. It is 200 and says
            `degraded` when only parts fail that the service does its work without.
        """
        service = self._service
        if path == "/livez":
            return 200, {"service": service.name, "alive": True}
        if path == "/info":
            return 200, await service.info()
        state = service.state
        if state is not State.READY:
            down = {"ready": False, "status": str(Status.DOWN), "state": str(state)}
            return 503, {"service": service.name} | down
        report = await service.health.report(service.parts)
        return (200 if report.ready else 503), {
            "service": service.name,
            "ready": report.ready,
            "status": str(report.status),
            "state": str(state),
            "parts": report.parts,
        }
