"""Findings as text, Markdown, JSON, SARIF 2.1.0 and annotations of GitHub."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from fleetwright_contracts._findings import Finding, Severity, verdict_of

_LONGEST_WITNESS = 2000
_LEVELS = {
    Severity.ERROR: "error",
    Severity.UNKNOWN: "warning",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
}


@dataclass(frozen=True, slots=True)
class Files:
    """What was compared.

    Attributes:
        old: The name of the old file.
        new: The name of the new file.
        old_text: Its content, for the numbers of lines; empty where there is none.
        new_text: The same of the new one.
    """

    old: str = "old"
    new: str = "new"
    old_text: str = ""
    new_text: str = ""

    def name_of(self, finding: Finding) -> str:
        """Return the file that a finding is in.

        Args:
            finding: The finding.
        """
        return self.old if finding.is_in_old else self.new

    def line_of(self, finding: Finding) -> int:
        """Return the line that a finding is in, 1 where it is not known.

        Args:
            finding: The finding.
        """
        if finding.line:
            return finding.line
        text = self.old_text if finding.is_in_old else self.new_text
        return _line(text, finding.pointer)


def _line(text: str, pointer: str) -> int:
    """Return the line of a place in a JSON or YAML text."""
    if not text:
        return 1
    node: Any = yaml.compose(text, yaml.CSafeLoader)
    line = 1
    for token in pointer.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, one) for key, one in node.value if key.value == token]
        elif isinstance(node, yaml.SequenceNode) and token.isdigit():
            pairs = [(one, one) for one in node.value[int(token) : int(token) + 1]]
        else:
            pairs = []
        if not pairs:
            break
        line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
    return line


def shown(finding: Finding) -> str:
    """Return the witness of a finding as JSON, cut where it is long; empty for none.

    Args:
        finding: The finding.
    """
    if finding.witness is None:
        return ""
    text = json.dumps(finding.witness.value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_WITNESS else f"{text[:_LONGEST_WITNESS]}..."


def summary(findings: Sequence[Finding]) -> str:
    """Return what was found in one line.

    Args:
        findings: What was found.
    """
    counts = Counter(finding.severity for finding in findings)
    words = {
        Severity.ERROR: "break",
        Severity.UNKNOWN: "not known",
        Severity.WARNING: "to look at",
        Severity.NOTE: "to know",
    }
    parts = [f"{counts[one]} {words[one]}" for one in Severity if counts[one]]
    return f"{verdict_of(list(findings))}: {', '.join(parts) or 'nothing to tell'}"


def as_text(findings: Sequence[Finding], files: Files | None = None) -> str:
    """Return findings for a person at a terminal.

    Args:
        findings: What was found.
        files: What was compared.
    """
    files = files or Files()
    lines = []
    for one in findings:
        lines.append(f"{one.severity.upper()}  {one.where}  ({one.rule})")
        lines.append(f"  {one.message}")
        if one.witness is not None:
            lines.append(f"  witness: {shown(one)}")
        lines.append(f"  at {files.name_of(one)}#{one.pointer}")
        if one.mend:
            lines.append(f"  hint: {one.mend}")
        lines.append("")
    return "\n".join([*lines, summary(findings)])


def as_markdown(findings: Sequence[Finding], files: Files | None = None) -> str:
    """Return findings as a table for a pull request.

    Args:
        findings: What was found.
        files: What was compared.
    """
    lines = [f"**{summary(findings)}**"]
    if findings:
        lines += ["", "| | where | what | witness |", "|---|---|---|---|"]
    for one in findings:
        cells = (one.severity, one.where, one.message, shown(one))
        texts = [_cell(cell, is_code=place == 3) for place, cell in enumerate(cells)]
        lines.append(f"| {' | '.join(texts)} |")
    return "\n".join(lines)


def _cell(text: str, *, is_code: bool) -> str:
    """Return a text that stays within a cell."""
    plain = text.replace("|", "\\|").replace("\n", " ")
    return f"`` {plain} ``" if is_code and plain else plain


def as_json(findings: Sequence[Finding], files: Files | None = None) -> str:
    """Return findings for a program.

    Args:
        findings: What was found.
        files: What was compared.
    """
    files = files or Files()
    found = [
        {
            "rule": one.rule,
            "severity": one.severity.value,
            "where": one.where,
            "message": one.message,
            "file": files.name_of(one),
            "pointer": one.pointer,
            "mend": one.mend,
            "fingerprint": one.fingerprint,
            **({"witness": one.witness.value} if one.witness is not None else {}),
        }
        for one in findings
    ]
    document = {"verdict": verdict_of(list(findings)).value, "findings": found}
    return json.dumps(document, indent=2, ensure_ascii=False, default=str)


def as_sarif(findings: Sequence[Finding], files: Files | None = None) -> str:
    """Return findings as SARIF 2.1.0.

    Args:
        findings: What was found.
        files: What was compared.
    """
    files = files or Files()
    rules = sorted({one.rule for one in findings})
    driver = {
        "name": "fleetwright-contracts",
        "rules": [{"id": rule} for rule in rules],
    }
    results = [_sarif_result(one, files) for one in findings]
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _sarif_result(finding: Finding, files: Files) -> dict[str, Any]:
    """Return one finding as a result of SARIF."""
    place = {
        "artifactLocation": {"uri": files.name_of(finding)},
        "region": {"startLine": files.line_of(finding)},
    }
    return {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": _sentence(finding)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"contract/v1": finding.fingerprint},
    }


def _sentence(finding: Finding) -> str:
    """Return a finding in a line or two."""
    found = f"{finding.where}: {finding.message}"
    if finding.witness is not None:
        found += f"; witness: {shown(finding)}"
    return found + (f"; hint: {finding.mend}" if finding.mend else "")


def as_github(findings: Sequence[Finding], files: Files | None = None) -> str:
    """Return findings as annotations, one a line.

    Args:
        findings: What was found.
        files: What was compared.
    """
    files = files or Files()
    return "\n".join(
        f"::{_LEVELS[one.severity].replace('note', 'notice')} "
        f"file={_property(files.name_of(one))},line={files.line_of(one)},"
        f"title={_property(one.rule)}::{_escaped(_sentence(one))}"
        for one in findings
    )


def _escaped(text: str) -> str:
    """Return a text as a message of GitHub's commands."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Return a text as a property of GitHub's commands."""
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


REPORTS: dict[str, Callable[[Sequence[Finding], Files | None], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "json": as_json,
    "sarif": as_sarif,
    "github": as_github,
}
