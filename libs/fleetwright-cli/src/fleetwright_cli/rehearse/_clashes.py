"""Whether a version fits beside the one before, by the contracts of both."""

from dataclasses import dataclass

from fleetwright_cli.contracts import frozen, frozen_at, verify
from fleetwright_cli.contracts._verification import Contracts, Unmet
from fleetwright_cli.fleet import Fleet
from fleetwright_contracts.needs import sent_by


@dataclass(frozen=True, slots=True)
class Clash:
    """A need that is not met while both versions run.

    Attributes:
        side: Which versions meet.
        consumer: Who needs it.
        provider: Who does not give it.
        what: What is wrong.
        where: The line of the consumer.
    """

    side: str
    consumer: str
    provider: str
    what: str
    where: str


def clashes(fleet: Fleet, service: str, revision: str) -> list[Clash]:
    """Return what does not fit while two versions of a service run.

    Args:
        fleet: The fleet on disk.
        service: Which one is rolled.
        revision: What its old version is of.

    Raises:
        FleetError: There is no such revision, or a contract is none.
    """
    services = list(fleet.services.values())
    now, then = frozen(services), frozen_at(fleet, services, revision)
    before = then.get(service, {})
    sides: list[tuple[str, Contracts]] = [
        ("the old version among today's neighbours", {**now, service: before}),
        ("the new version among the old neighbours", {**then, service: now[service]}),
    ]
    found = []
    for side, contracts in sides:
        for one in verify(fleet, contracts).failing:
            names = (one.mismatch.consumer, one.mismatch.provider)
            if service in names:
                found.append(_clash(side, one))
    # What the old version has published, the new one and its neighbours still hear.
    kept = list(sent_by(service, before.get("asyncapi") or {}, revision))
    for one in verify(fleet, now, kept).failing:
        clash = _clash("events of the old version", one)
        if clash.provider == service:
            found.append(clash)
    return list(dict.fromkeys(found))


def _clash(side: str, one: Unmet) -> Clash:
    """Return an unmet need as a clash."""
    finding = one.finding
    return Clash(
        side,
        one.mismatch.consumer,
        one.mismatch.provider,
        f"{finding.where}: {finding.message} ({finding.rule})",
        f"{one.file}:{one.line}",
    )
