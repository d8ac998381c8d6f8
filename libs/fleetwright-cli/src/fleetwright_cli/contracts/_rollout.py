"""May what is to be released run beside what runs, and who has to go first?

A service is replaced one replica after the other, so that both of its versions run for
a while, and its neighbours are replaced before it or after it. So each consumer meets
each provider in up to four pairs of versions; those that do not fit must never meet,
and that is an order, or it cannot be done.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from fleetwright_cli.contracts._kept import Kept
from fleetwright_cli.contracts._releases import Release
from fleetwright_cli.contracts._verification import edges_of
from fleetwright_cli.fleet import Fleet
from fleetwright_contracts import Severity
from fleetwright_contracts.needs import Mismatch, sent_by

_GRAVE = (Severity.ERROR, Severity.UNKNOWN)
_KEPT_MESSAGE = "event-not-understood"


@dataclass(frozen=True, slots=True)
class Meeting:
    """A version of a consumer beside a version of whom it needs.

    Attributes:
        consumer: Who needs something.
        provider: Of whom; None where it does not run at all.
        name: The provider's name.
        found: What the consumer does not get.
    """

    consumer: Release
    provider: Release | None
    name: str
    found: Sequence[Mismatch]

    @property
    def fits(self) -> bool:
        """Whether both may run at the same time."""
        return not self.found


@dataclass(frozen=True, slots=True)
class Before:
    """One service has to be replaced before another.

    Attributes:
        first: Which one.
        then: The other.
        because: Who would meet otherwise.
    """

    first: str
    then: str
    because: Meeting


@dataclass(frozen=True, slots=True)
class Rollout:
    """What was found out about a release.

    Attributes:
        deployed: What runs, by service.
        candidates: What is to take its place; services that are not here stay.
        meetings: Every pair of versions that may run at the same time.
        before: What has to come before what.
        broken: Who does not fit in whatever order, or waits for one another.
        order: The services in an order in which nothing breaks; empty for none.
    """

    deployed: Mapping[str, Release]
    candidates: Mapping[str, Release]
    meetings: Sequence[Meeting]
    before: Sequence[Before]
    broken: Sequence[Meeting]
    order: Sequence[str]

    @property
    def is_safe(self) -> bool:
        """Whether it can be done without breaking anybody."""
        return not self.broken


def plan_rollout(
    fleet: Fleet,
    deployed: Mapping[str, Release],
    candidates: Mapping[str, Release],
) -> Rollout:
    """Return whether, and in which order, versions may take the place of others.

    What does not fit today already, and fits no worse afterwards, is left aside.

    Args:
        fleet: The fleet on disk; what was compared before is kept there.
        deployed: What runs, by service.
        candidates: What is to take its place, by service.

    Raises:
        FleetError: A contract is none.
    """
    kept = Kept(fleet.root)
    pairs = _Pairs(deployed, candidates, kept)
    meetings: list[Meeting] = []
    before: list[Before] = []
    broken: list[Meeting] = []
    for consumer, provider in pairs.names():
        for one in pairs.meetings(consumer, provider):
            meetings.append(one)
            if one.fits:
                continue
            needed = pairs.order_of(one)
            if needed is None:
                broken.append(one)
            else:
                before.append(needed)
    kept.keep()
    order, waiting = _in_order(candidates, before)
    broken += [one.because for one in before if {one.first, one.then} <= waiting]
    return Rollout(
        deployed, candidates, meetings, before, broken, [] if broken else order
    )


class _Pairs:
    """Pairs of versions, and what each says about the order."""

    def __init__(
        self,
        deployed: Mapping[str, Release],
        candidates: Mapping[str, Release],
        kept: Kept,
    ) -> None:
        self._deployed = deployed
        self._candidates = candidates
        self._kept = kept

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield consumers and whom they need, if one of them is replaced."""
        services = sorted({*self._deployed, *self._candidates})
        asked = {name: self._asked(name) for name in services}
        for consumer in services:
            for provider in sorted({*services, *asked[consumer]}):
                is_replaced = {consumer, provider} & self._candidates.keys()
                if is_replaced and self._needs(consumer, provider, asked[consumer]):
                    yield consumer, provider

    def _asked(self, consumer: str) -> set[str]:
        """Return whom any version of a consumer calls."""
        return {
            one["provider"]
            for version in self._versions(consumer)
            for kind in ("calls", "rpc")
            for one in (version.contracts.get("needs") or {}).get(kind, ())
            if not one.get("is_external")
        }

    def _needs(self, consumer: str, provider: str, asked: set[str]) -> bool:
        heard = {
            one["topic"]
            for version in self._versions(consumer)
            for one in (version.contracts.get("needs") or {}).get("hears", ())
        }
        return provider in asked or bool(
            heard
            & {topic for one in self._versions(provider) for topic in _topics(one)}
        )

    def _versions(self, name: str) -> list[Release]:
        """Return the versions of a service that may run, the one that runs first."""
        found = (self._deployed.get(name), self._candidates.get(name))
        return [one for one in found if one is not None]

    def meetings(self, consumer: str, provider: str) -> Iterator[Meeting]:
        """Yield the versions of two services that may meet, but for those that do."""
        own = self._versions(consumer)
        others: list[Release | None] = [*self._versions(provider)]
        if provider not in self._deployed and provider != consumer:
            others.insert(0, None)
        today = self._deployed.get(consumer), self._deployed.get(provider)
        known = self._found(*today, provider) if today[0] is not None else []
        old = {(one.declared, one.finding.fingerprint) for one in known}
        for version, other in product(own, others):
            if (version, other) == today:
                continue
            found = [
                one
                for one in self._found(version, other, provider)
                if (one.declared, one.finding.fingerprint) not in old
            ]
            yield Meeting(version, other, provider, found)

    def _found(
        self, consumer: Release | None, provider: Release | None, name: str
    ) -> list[Mismatch]:
        """Return what a version of a consumer does not get of one of a provider."""
        if consumer is None:
            return []
        needs = consumer.contracts.get("needs") or {}
        topics = _topics(provider) if provider is not None else set()
        asked = {
            "calls": [it for it in needs.get("calls", ()) if it["provider"] == name],
            "rpc": [it for it in needs.get("rpc", ()) if it["provider"] == name],
            "hears": [it for it in needs.get("hears", ()) if it["topic"] in topics],
        }
        promised = {} if provider is None else {name: provider.contracts}
        document = provider.contracts.get("asyncapi") if provider is not None else None
        sent = list(sent_by(name, document or {}))
        return [
            mismatch
            for key, compare in edges_of(consumer.service, asked, promised, sent)
            for mismatch in self._kept.or_found(key, compare)
            if mismatch.finding.severity in _GRAVE
        ]

    def order_of(self, meeting: Meeting) -> Before | None:
        """Return the order in which two versions never meet; None for none."""
        consumer, provider = meeting.consumer.service, meeting.name
        is_new = meeting.consumer is self._candidates.get(consumer)
        is_from_new = meeting.provider is self._candidates.get(provider)
        if consumer == provider or is_new is is_from_new:
            return None
        if is_new:
            # Messages stay in their topics longer than who wrote them.
            stays = any(
                it.finding.rule.startswith(_KEPT_MESSAGE) for it in meeting.found
            )
            if stays or provider not in self._candidates:
                return None
            return Before(provider, consumer, meeting)
        if consumer not in self._candidates:
            return None
        return Before(consumer, provider, meeting)


def _topics(release: Release) -> set[str]:
    """Return the topics that a version of a service publishes to."""
    document = release.contracts.get("asyncapi") or {}
    return {one.topic for one in sent_by(release.service, document)}


def _in_order(
    names: Iterable[str], before: Sequence[Before]
) -> tuple[list[str], set[str]]:
    """Return services in an order, and those that wait for one another."""
    waiting, order = set(names), []
    while waiting:
        held = {one.then for one in before if one.first in waiting}
        ready = sorted(waiting - held)
        if not ready:
            break
        order += ready[:1]
        waiting.discard(ready[0])
    return order, _in_circles(waiting, before)


def _in_circles(waiting: set[str], before: Sequence[Before]) -> set[str]:
    """Return those of the services that wait for themselves, through others."""

    def leads_to_itself(name: str) -> bool:
        seen: set[str] = set()
        ahead = [name]
        while ahead:
            one = ahead.pop()
            following = {it.then for it in before if it.first == one} - seen
            if name in following:
                return True
            seen |= following
            ahead += following
        return False

    return {name for name in waiting if leads_to_itself(name)}
