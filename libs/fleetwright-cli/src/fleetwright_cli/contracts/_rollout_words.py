"""Whether a release is safe, in words and as data."""

from typing import Any

from fleetwright_cli._printer import table
from fleetwright_cli.contracts._releases import Release
from fleetwright_cli.contracts._rollout import Before, Meeting, Rollout
from fleetwright_cli.contracts._words import finding_data, finding_lines
from fleetwright_contracts.needs import Mismatch

_NOWHERE = "not there"


def rollout_text(found: Rollout) -> str:
    """Return whether a release is safe, for a person.

    Args:
        found: What was found out.
    """
    services = sorted({*found.deployed, *found.candidates})
    rows = [
        (name, _version(found.deployed.get(name)), _candidate(found, name))
        for name in services
    ]
    parts = [table(("service", "deployed", "candidate"), rows)]
    if found.meetings:
        head = ("consumer", "provider", "")
        parts.append(table(head, [_row(one) for one in found.meetings]))
    parts += [_meeting_block("BREAKS", one) for one in found.broken]
    if found.is_safe:
        parts += [_before_block(one) for one in found.before]
    return "\n\n".join([*parts, _verdict(found)])


def _version(release: Release | None) -> str:
    return _NOWHERE if release is None else release.version


def _candidate(found: Rollout, name: str) -> str:
    one = found.candidates.get(name)
    return "stays" if one is None else one.version


def _row(one: Meeting) -> tuple[str, str, str]:
    consumer = f"{one.consumer.service} {one.consumer.version}"
    provider = f"{one.name} {_version(one.provider)}"
    return consumer, provider, "fits" if one.fits else "breaks"


def _meeting_block(word: str, one: Meeting) -> str:
    """Return who does not fit whom, with the value."""
    consumer, provider, _ = _row(one)
    blocks = []
    for mismatch in one.found:
        finding = mismatch.finding
        first = f"{word}  {consumer} -> {provider}  {finding.where}  ({finding.rule})"
        name = f"  {mismatch.declared}"
        blocks.append("\n".join([first, name, *finding_lines(finding)]))
    return "\n\n".join(blocks)


def _before_block(one: Before) -> str:
    """Return what has to come before what, and why."""
    return _meeting_block(f"{one.first} before {one.then}:", one.because)


def _verdict(found: Rollout) -> str:
    if not found.candidates:
        return "safe: nothing changes"
    if not found.is_safe:
        count = sum(len(one.found) for one in found.broken)
        return f"not safe: {count} {'break' if count == 1 else 'breaks'}"
    if not found.before:
        return f"safe in any order: {', '.join(sorted(found.candidates))}"
    return f"safe in this order: {', '.join(found.order)}"


def rollout_data(found: Rollout) -> dict[str, Any]:
    """Return whether a release is safe, for a program.

    Args:
        found: What was found out.
    """
    return {
        "safe": found.is_safe,
        "order": list(found.order),
        "deployed": {name: one.version for name, one in found.deployed.items()},
        "candidates": {name: one.version for name, one in found.candidates.items()},
        "matrix": [{**_meeting_data(one), "fits": one.fits} for one in found.meetings],
        "before": [
            {"first": one.first, "then": one.then, "because": _breaks(one.because)}
            for one in found.before
        ],
        "breaks": [each for one in found.broken for each in _breaks(one)],
    }


def _meeting_data(one: Meeting) -> dict[str, Any]:
    return {
        "consumer": one.consumer.service,
        "consumer_version": one.consumer.version,
        "provider": one.name,
        "provider_version": None if one.provider is None else one.provider.version,
    }


def _breaks(one: Meeting) -> list[dict[str, Any]]:
    return [{**_meeting_data(one), **_mismatch_data(it)} for it in one.found]


def _mismatch_data(mismatch: Mismatch) -> dict[str, Any]:
    return {"declared": mismatch.declared, **finding_data(mismatch.finding)}
