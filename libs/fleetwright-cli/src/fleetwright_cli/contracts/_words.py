"""What was found about a fleet's contracts, in words and as data."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from fleetwright_cli.contracts._evolution import Caller, Change
from fleetwright_cli.contracts._verification import Unmet, Verification
from fleetwright_contracts import Finding, Severity

_LONGEST = 400
_LEVELS = {
    Severity.ERROR: "error",
    Severity.UNKNOWN: "warning",
    Severity.WARNING: "warning",
    Severity.NOTE: "notice",
}
_COUNTED = {
    Severity.ERROR: "break",
    Severity.UNKNOWN: "not known",
    Severity.WARNING: "to look at",
    Severity.NOTE: "to know",
}


def unmet_text(found: Verification, *, notes: bool) -> str:
    """Return what `verify` found, for a person.

    Args:
        found: What was found.
        notes: Whether what is only to be known is told in full.
    """
    shown = [one for one in found.unmet if notes or _matters(one.finding)]
    blocks = [_unmet_block(one) for one in shown]
    counts = _counts([one.finding for one in found.unmet])
    state = "do not fit together" if found.failing else "fit together"
    return "\n".join([*blocks, f"{found.edges} edges {state}{counts}"])


def _unmet_block(one: Unmet) -> str:
    finding = one.finding
    edge = f"{one.mismatch.consumer} -> {one.mismatch.provider or 'nobody'}"
    lines = [
        f"{finding.severity.upper()}  {edge}  {finding.where}  ({finding.rule})",
        f"  {one.file}:{one.line}  {one.mismatch.declared.partition(':')[2]}",
        *finding_lines(finding),
    ]
    return "\n".join([*lines, ""])


def changes_text(changes: Sequence[Change], revision: str, *, notes: bool) -> str:
    """Return what `diff --against` found, for a person.

    Args:
        changes: What was found.
        revision: What the contracts were compared with.
        notes: Whether what is only to be known is told in full.
    """
    shown = [one for one in changes if notes or _matters(one.finding)]
    blocks = [_change_block(one) for one in shown]
    counts = _counts([one.finding for one in changes])
    is_broken = any(one.fails for one in changes)
    verdict = "does not fit" if is_broken else "fits"
    return "\n".join([*blocks, f"what changed since {revision} {verdict}{counts}"])


def _change_block(one: Change) -> str:
    finding = one.finding
    lines = [
        f"{finding.severity.upper()}  {one.service}  {finding.where}  ({finding.rule})",
        f"  {one.file}#{finding.pointer}",
        *finding_lines(finding),
        *(f"  {_caller_line(caller)}" for caller in one.callers),
    ]
    if not one.callers:
        lines.append("  nobody in the fleet uses it")
    if one.excuse:
        lines.append(f"  excused: {one.excuse}")
    return "\n".join([*lines, ""])


def _caller_line(caller: Caller) -> str:
    """Return who uses what changed, and what it does to them."""
    name = caller.declared.partition(":")[2]
    verb = "still fits" if caller.unmet is None else "breaks"
    return f"{verb}: {caller.service} {name}  {caller.file}:{caller.line}"


def finding_lines(finding: Finding) -> list[str]:
    """Return what a finding says below its first line.

    Args:
        finding: The finding.
    """
    lines = [f"  {finding.message}"]
    if finding.witness is not None:
        lines.append(f"  witness: {_witness(finding)}")
    if finding.mend:
        lines.append(f"  hint: {finding.mend}")
    return lines


def _witness(finding: Finding) -> str:
    value = finding.witness.value if finding.witness else None
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _counts(findings: Sequence[Finding]) -> str:
    tally = Counter(finding.severity for finding in findings)
    parts = [f"{tally[one]} {_COUNTED[one]}" for one in Severity if tally[one]]
    return f": {', '.join(parts)}" if parts else ""


def _matters(finding: Finding) -> bool:
    return finding.severity is not Severity.NOTE


def unmet_data(found: Verification) -> dict[str, Any]:
    """Return what `verify` found, for a program.

    Args:
        found: What was found.
    """
    return {
        "fits": not found.failing,
        "edges": found.edges,
        "mismatches": [
            {
                "consumer": one.mismatch.consumer,
                "provider": one.mismatch.provider,
                "declared": one.mismatch.declared,
                "file": one.file,
                "line": one.line,
                **finding_data(one.finding),
            }
            for one in found.unmet
        ],
    }


def changes_data(changes: Sequence[Change], revision: str) -> dict[str, Any]:
    """Return what `diff --against` found, for a program.

    Args:
        changes: What was found.
        revision: What the contracts were compared with.
    """
    return {
        "fits": not any(one.fails for one in changes),
        "against": revision,
        "changes": [
            {
                "service": one.service,
                "kind": one.kind,
                "file": one.file,
                **finding_data(one.finding),
                "excuse": one.excuse,
                "callers": [
                    {
                        "service": caller.service,
                        "declared": caller.declared,
                        "file": caller.file,
                        "line": caller.line,
                        "breaks": caller.unmet is not None,
                    }
                    for caller in one.callers
                ],
            }
            for one in changes
        ],
    }


def finding_data(finding: Finding) -> dict[str, Any]:
    """Return a finding for a program.

    Args:
        finding: The finding.
    """
    said: dict[str, Any] = {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "where": finding.where,
        "message": finding.message,
        "pointer": finding.pointer,
        "mend": finding.mend,
        "fingerprint": finding.fingerprint,
    }
    if finding.witness is not None:
        said["witness"] = finding.witness.value
    return said


def annotation(finding: Finding, file: str, line: int) -> str:
    """Return a finding as an annotation of GitHub.

    Args:
        finding: What was found.
        file: Where, below the fleet's root.
        line: The line there.
    """
    text = f"{finding.where}: {finding.message}"
    if finding.witness is not None:
        text += f"; witness: {_witness(finding)}"
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    level = _LEVELS[finding.severity]
    return f"::{level} file={file},line={line},title={finding.rule}::{text}"
