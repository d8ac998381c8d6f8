"""What a comparison found, as data; how it looks is told elsewhere."""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

from fleetwright_contracts._judgement import Verdict
from fleetwright_contracts._values import Value


class Severity(StrEnum):
    """How much a finding matters, the worst first."""

    ERROR = "error"
    UNKNOWN = "unknown"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Witness:
    """A value that one side sends and the other refuses.

    Attributes:
        value: The value; null is one, too.
    """

    value: Value


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a change does to those who use a contract.

    Attributes:
        rule: What kind of change it is, such as `request-narrowed`.
        severity: How much it matters.
        where: The place a person would name, such as `POST /orders request`.
        message: What happens, in one line.
        pointer: The place in the document, as a JSON pointer.
        is_in_old: Whether the pointer leads into the old document, not the new one.
        witness: The value that shows it, checked by an independent validator.
        mend: What to do, in one line.
        line: The line in the document; 0 where it is to be found by the pointer.
    """

    rule: str
    severity: Severity
    where: str
    message: str
    pointer: str = ""
    is_in_old: bool = False
    witness: Witness | None = None
    mend: str = ""
    line: int = 0

    @property
    def fingerprint(self) -> str:
        """What is the same as long as the finding is about the same thing."""
        text = json.dumps([self.rule, self.where, self.message])
        return "FC-" + hashlib.sha256(text.encode()).hexdigest()[:8]


def verdict_of(findings: list[Finding]) -> Verdict:
    """Return how a comparison ends as a whole.

    Args:
        findings: What was found.

    Returns:
        `breaks` if there is an error, `unknown` if something is not known, else `fits`.
    """
    severities = {finding.severity for finding in findings}
    if Severity.ERROR in severities:
        return Verdict.BREAKS
    return Verdict.UNKNOWN if Severity.UNKNOWN in severities else Verdict.FITS
