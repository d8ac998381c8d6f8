"""What changed since a revision, and whom in the fleet it hurts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from fleetwright_cli._errors import FleetError
from fleetwright_cli.contracts._baseline import changed_files, frozen_at
from fleetwright_cli.contracts._declarations import Declarations
from fleetwright_cli.contracts._frozen import file_of
from fleetwright_cli.contracts._verification import Contracts, Unmet, verify
from fleetwright_cli.fleet import Fleet
from fleetwright_contracts import ContractError, Finding, Severity, compare_openapi
from fleetwright_contracts.needs import misheard, sent_by

DESIGNS = "docs/design"
_ORDER = list(Severity)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody in the fleet who uses what changed.

    Attributes:
        service: Who.
        declared: Where it says so: `orders.clients:Catalog.quotes`.
        file: The file, below the fleet's root.
        line: The line there.
        unmet: What it needs and gets no more; None where it still fits.
    """

    service: str
    declared: str
    file: str
    line: int
    unmet: Unmet | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a contract.

    Attributes:
        service: Whose contract.
        kind: `openapi` or `asyncapi`.
        file: Where it is kept, below the fleet's root.
        finding: What it does.
        callers: Who in the fleet uses what changed.
        excuse: The version and the design document that announce it; empty for none.
    """

    service: str
    kind: str
    file: str
    finding: Finding
    callers: Sequence[Caller]
    excuse: str = ""

    @property
    def fails(self) -> bool:
        """Whether it must not be released as it is."""
        severe = self.finding.severity in (Severity.ERROR, Severity.UNKNOWN)
        return severe and not self.excuse


def evolution(fleet: Fleet, contracts: Contracts, revision: str) -> list[Change]:
    """Return what changed in the fleet's contracts since a revision.

    A change that breaks is excused by another version in the contract and a design
    document, new or changed since, that names the service.

    Args:
        fleet: The fleet on disk.
        contracts: What each service promises and needs now.
        revision: A branch, a tag or a commit.

    Returns:
        Changes, the worst first.

    Raises:
        FleetError: There is no such revision, or a contract is none.
    """
    before = frozen_at(fleet, fleet.services.values(), revision)
    users = _Users(fleet, contracts)
    found: list[Change] = []
    for name, old in before.items():
        new = contracts.get(name, {})
        excuse = _excuse(fleet, name, old, new, revision)
        for kind, finding in _findings(name, old, new):
            callers = users.of(name, finding)
            finding = _weighed(finding, callers)
            file = file_of(fleet.services[name], kind).relative_to(fleet.root)
            found.append(Change(name, kind, str(file), finding, callers, excuse))
    found.sort(key=lambda one: _ORDER.index(one.finding.severity))
    return found


def _findings(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[tuple[str, Finding]]:
    """Yield what changed in the contracts of one service."""
    try:
        if old.get("openapi") != new.get("openapi"):
            yield from (("openapi", one) for one in _of_api(old, new))
        if old.get("asyncapi") != new.get("asyncapi"):
            yield from (("asyncapi", one) for one in _of_events(name, old, new))
    except ContractError as error:
        raise FleetError(
            error.message,
            where=f"{error.where} in the contracts of {name}",
            hint=error.hint or "run `fleet contracts freeze`",
        ) from error


def _of_api(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Finding]:
    if not old.get("openapi"):
        return []
    nothing = {**old["openapi"], "paths": {}, "webhooks": {}}
    after = new.get("openapi") or nothing
    return compare_openapi(old["openapi"], after, today=date.today())


def _of_events(
    name: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yield what is published now that a reader of the old events cannot understand."""
    known = [
        {
            "topic": one.topic,
            "version": one.version,
            "event": one.topic,
            "schema": one.payload,
            "schemas": one.schemas,
        }
        for one in sent_by(name, old.get("asyncapi") or {})
    ]
    now = list(sent_by(name, new.get("asyncapi") or {}))
    for mismatch in misheard(known, now, consumer=name):
        finding = mismatch.finding
        if finding.rule == "event-unpublished":
            finding = replace(finding, message="it is no longer published")
        elif finding.rule == "event-not-understood":
            finding = replace(
                finding, message="a message is written that was not written before"
            )
        yield finding


def _weighed(finding: Finding, callers: Sequence[Caller]) -> Finding:
    """Return a finding as grave as it is for those who are known."""
    if finding.rule != "response-property-removed":
        return finding
    if any(one.unmet is not None for one in callers):
        return finding
    known = f"none of its {len(callers)} callers in the fleet reads it"
    if not callers:
        known = "nobody in the fleet asks for it"
    severity = Severity.NOTE if callers else Severity.WARNING
    plain = finding.message.removesuffix(", and somebody may read it")
    return replace(finding, severity=severity, message=f"{plain}; {known}", mend="")


def _excuse(
    fleet: Fleet,
    name: str,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    revision: str,
) -> str:
    """Return the version and the design document that announce a break."""
    versions = [
        (one.get("openapi") or one.get("asyncapi") or {}).get("info", {}).get("version")
        for one in (old, new)
    ]
    if versions[0] == versions[1]:
        return ""
    for path in changed_files(fleet.root, revision, DESIGNS):
        file = fleet.root / path
        if file.is_file() and name in file.read_text("utf-8", errors="replace"):
            return f"version {versions[1]}, announced in {path}"
    return ""


class _Users:
    """Who in the fleet uses which operation and hears which event."""

    def __init__(self, fleet: Fleet, contracts: Contracts) -> None:
        self._fleet = fleet
        self._contracts = contracts
        self._declared = Declarations(fleet)
        self._unmet = verify(fleet, contracts).failing

    def of(self, provider: str, finding: Finding) -> list[Caller]:
        """Return who uses what a finding is about; all callers for what all feel."""
        words = finding.where.split(" ")
        operation = _operation(finding) or " ".join(words[:2])
        is_event = words[0] == "event"
        found = []
        for service, own in self._contracts.items():
            needs = own.get("needs") or {}
            names = (
                _hearing(needs, words[1])
                if is_event
                else _calling(needs, provider, operation)
            )
            found += [self._caller(service, name) for name in names]
        return found

    def _caller(self, service: str, name: str) -> Caller:
        place = self._declared.place(name)
        file = str(place[0].relative_to(self._fleet.root)) if place else ""
        line = place[1] if place else 0
        own = [
            one
            for one in self._unmet
            if (one.mismatch.consumer, one.mismatch.declared) == (service, name)
        ]
        return Caller(service, name, file, line, own[0] if own else None)


def _operation(finding: Finding) -> str:
    """Return the operation in which a finding stands; empty for none.

    A callback is part of the operation with which it is asked for.
    """
    parts = finding.pointer.split("/")
    if len(parts) < 4 or parts[1] != "paths":
        return ""
    path = parts[2].replace("~1", "/").replace("~0", "~")
    return f"{parts[3].upper()} {path}"


def _hearing(needs: Mapping[str, Any], topic: str) -> Iterator[str]:
    for heard in needs.get("hears", ()):
        if heard["topic"] == topic:
            yield heard["event"]


def _calling(needs: Mapping[str, Any], provider: str, operation: str) -> Iterator[str]:
    """Yield the methods that call an operation; all that call the provider for none."""
    is_one = operation.partition(" ")[2].startswith(("/", "{"))
    for call in needs.get("calls", ()):
        if call["provider"] != provider:
            continue
        for path, methods in call["needs"]["paths"].items():
            for method, said in methods.items():
                if not is_one or f"{method.upper()} {path}" == operation:
                    yield f"{call['client']}.{said['operationId']}"
