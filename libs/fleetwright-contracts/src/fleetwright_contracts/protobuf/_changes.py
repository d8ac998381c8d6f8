"""What is being compared, and what was found so far."""

from dataclasses import dataclass, field

from google.protobuf.descriptor import Descriptor, EnumDescriptor

from fleetwright_contracts._findings import Finding, Severity, Witness
from fleetwright_contracts.protobuf._contract import Contract
from fleetwright_contracts.protobuf._promises import Promise
from fleetwright_contracts.protobuf._witnesses import Way


@dataclass(slots=True)
class Changes:
    """Two contracts that are compared.

    Attributes:
        old: What users go by.
        new: What is to take its place.
        promise: What they rely on.
        findings: What was found.
        messages: Pairs of messages still to be compared.
        enums: Pairs of enums still to be compared.
    """

    old: Contract
    new: Contract
    promise: Promise
    findings: list[Finding] = field(default_factory=list)
    messages: list[tuple[Descriptor, Descriptor]] = field(default_factory=list)
    enums: list[tuple[EnumDescriptor, EnumDescriptor]] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def ways(self, old: Descriptor, new: Descriptor) -> tuple[Way, Way]:
        """Return both ways between two messages: from the old one first.

        Args:
            old: The old message.
            new: The new one.
        """
        there = Way(old, new, "old")
        return there, there.back

    def meet(self, old: Descriptor, new: Descriptor) -> None:
        """Note that what is written as one message is read as another.

        Args:
            old: The old message.
            new: The new one.
        """
        if (old.full_name, new.full_name) not in self._seen:
            self._seen.add((old.full_name, new.full_name))
            self.messages.append((old, new))

    def meet_enums(self, old: EnumDescriptor, new: EnumDescriptor) -> None:
        """Note that what is written as a value of one enum is read as one of another.

        Args:
            old: The old enum.
            new: The new one.
        """
        if (old.full_name, new.full_name) not in self._seen:
            self._seen.add((old.full_name, new.full_name))
            self.enums.append((old, new))

    def tell(
        self,
        rule: str,
        broken: Promise,
        name: str,
        message: str,
        *,
        severity: Severity = Severity.ERROR,
        in_old: bool = False,
        mend: str = "",
        witness: Witness | None = None,
    ) -> None:
        """Add a finding, if it breaks what is promised.

        Args:
            rule: What kind of change it is.
            broken: The promise it breaks.
            name: The full name of what has changed.
            message: What happens, in one line.
            severity: How much it matters.
            in_old: Whether the name is one of the old contract.
            mend: What to do.
            witness: The message that shows it.
        """
        if not self.promise.covers(broken):
            return
        contract = self.old if in_old else self.new
        self.findings.append(
            Finding(
                rule,
                severity,
                name,
                message,
                pointer=name,
                is_in_old=in_old,
                witness=witness,
                mend=mend,
                line=contract.line(name),
            )
        )
