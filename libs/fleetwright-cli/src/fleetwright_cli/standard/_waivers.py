"""Waivers: what each one covers, and what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from fleetwright_cli.fleet import Waiver
from fleetwright_cli.standard._owners import bare
from fleetwright_cli.standard._places import pattern_of
from fleetwright_cli.standard._repository import Repository
from fleetwright_cli.standard._rule import Breach, rules

SHORTEST_REASON = 20
_NEVER = {"WVR-02", "WVR-03", "FILE-01"}


@dataclass(frozen=True, slots=True)
class Debt:
    """A waiver as a debt.

    Attributes:
        waiver: The waiver.
        line: Where it stands in fleet.toml.
        covers: How many breaches it excuses.
        age_days: For how long; None when it does not say since when.
        left_days: For how long it still holds; None when it does not say.
    """

    waiver: Waiver
    line: int
    covers: int
    age_days: int | None
    left_days: int | None


def excuses(waiver: Waiver, identity: str, breach: Breach, today: date) -> bool:
    """Return whether a waiver covers a breach today.

    Args:
        waiver: The waiver.
        identity: The rule that is broken.
        breach: Where.
        today: The day that counts.
    """
    if waiver.rule != identity or identity in _NEVER:
        return False
    if waiver.until is not None and waiver.until < today:
        return False
    return pattern_of(waiver.where).match(breach.path) is not None


def faults(repository: Repository, waiver: Waiver) -> Iterator[str]:
    """Yield what is wrong with a waiver, whatever it covers.

    Args:
        repository: Where its design document would be.
        waiver: The waiver.
    """
    rule = rules().get(waiver.rule)
    if rule is None:
        yield "names a rule that there is not"
    if len(waiver.reason) < SHORTEST_REASON:
        length = len(waiver.reason)
        yield f"has a reason of {length} characters and needs {SHORTEST_REASON}"
    if waiver.since is None:
        yield "does not say since when"
    if waiver.until is None:
        yield "does not say until when"
    if waiver.since and waiver.until and waiver.until < waiver.since:
        yield f"ends on {waiver.until}, before it begins on {waiver.since}"
    if _is_broad(repository, waiver.where):
        yield f"covers `{waiver.where}`: name the file or folder it is for"
    if waiver.design_doc and not repository.tree.has(waiver.design_doc):
        yield f"names {waiver.design_doc}, which is not there"
    if rule is not None and rule.force == "must" and not waiver.design_doc:
        yield "is of a MUST and needs a design document (`design_doc`)"


def late_faults(waiver: Waiver, covers: int, today: date) -> Iterator[str]:
    """Yield what shows after the check: an end that has come, nothing to excuse.

    Args:
        waiver: The waiver.
        covers: How many breaches it excuses.
        today: The day that counts.
    """
    if waiver.until is not None and waiver.until < today:
        yield f"ended on {waiver.until}"
    elif not covers:
        yield "excuses nothing: the rule is kept there"


def approvers(waiver: Waiver) -> set[str]:
    """Return who agreed, each once: `@shop/money` and `Money` are the same team."""
    return {bare(name).rsplit("/", 1)[-1] for name in waiver.approved_by} - {""}


def unknown_approvers(waiver: Waiver, known: set[str]) -> Iterator[str]:
    """Yield approvers whom CODEOWNERS does not know."""
    for name in waiver.approved_by:
        if known and bare(name) not in known:
            yield name


def line_of(repository: Repository, number: int) -> int:
    """Return the line of fleet.toml in which a waiver begins.

    Args:
        repository: Where fleet.toml is.
        number: Which waiver, from 0.
    """
    lines = repository.text("fleet.toml").splitlines()
    heads = [at for at, line in enumerate(lines, 1) if line.strip() == "[[waivers]]"]
    return heads[number] if number < len(heads) else 1


def debt(repository: Repository, covered: dict[int, int], today: date) -> list[Debt]:
    """Return all waivers with their age, the oldest first.

    Args:
        repository: Where they stand.
        covered: How many breaches each one excuses, by its number.
        today: The day that counts.
    """
    found = [
        Debt(
            one,
            line_of(repository, number),
            covered.get(number, 0),
            (today - one.since).days if one.since else None,
            (one.until - today).days if one.until else None,
        )
        for number, one in enumerate(repository.manifest.waivers)
    ]
    return sorted(found, key=lambda one: -(one.age_days or 0))


def _is_broad(repository: Repository, where: str) -> bool:
    """Return whether a place is the whole repository, or all of every service."""
    if where.strip("/").split("/")[0] in {"", ".", "*", "**"}:
        return True
    fleet, pattern = repository.manifest.fleet, pattern_of(where)
    units = [one for one in (fleet.services, fleet.libraries) if "*" in one]
    # What covers files that nobody thought of covers all.
    return any(
        pattern.match(f"{one.replace('*', 'any-name')}/{file}")
        for one in units
        for file in ("any-file", "any-folder/any-file.py")
    )
