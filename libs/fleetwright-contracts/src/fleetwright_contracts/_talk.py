"""Both sides of a conversation: who asks, who answers, and what was found so far.

For what others ask or send of their own, they go by the old document and we by the new
one. For what we ask of others (webhooks, callbacks) it is the other way round.
"""

from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from fleetwright_contracts._findings import Finding, Severity, Witness
from fleetwright_contracts._judgement import Court, Judgement, Side, Verdict
from fleetwright_contracts._outline import Outline
from fleetwright_contracts._values import ANY_KIND, Kind
from fleetwright_contracts.schemas import Place, View

_REQUEST = View(hidden="readOnly")
_RESPONSE = View(hidden="writeOnly")
_Outline = TypeVar("_Outline", bound=Outline)


@dataclass(slots=True)
class Talk(Generic[_Outline]):
    """A conversation that is compared.

    Attributes:
        court: Who compares schemas.
        asks: The document by which requests are made.
        answers: The document by which they are answered.
        old: Which of the two is the old one.
        where: Which part of it is looked at.
        findings: What was found.
        seen: Pairs of schemas of responses whose properties were compared.
        request: How what is asked is read: some properties are only answered.
        response: How what is answered is read: some properties are only asked.
    """

    court: Court
    asks: _Outline
    answers: _Outline
    old: _Outline
    where: str = ""
    findings: list[Finding] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    request: View = _REQUEST
    response: View = _RESPONSE

    def about(self, where: str) -> "Talk[_Outline]":
        """Return the conversation about a part; findings are shared.

        Args:
            where: What a person calls the part.
        """
        return replace(self, where=where)

    @property
    def is_ours(self) -> bool:
        """Whether we are the ones who ask."""
        return self.asks is not self.old

    @property
    def reversed(self) -> "Talk[_Outline]":
        """The conversation in which we are the ones who ask."""
        return replace(self, asks=self.answers, answers=self.asks, seen=set())

    def tell(
        self,
        rule: str,
        severity: Severity,
        message: str,
        place: Place,
        *,
        mend: str = "",
        witness: Witness | None = None,
    ) -> None:
        """Add a finding.

        Args:
            rule: What kind of change it is.
            severity: How much it matters.
            message: What happens, in one line.
            place: Where it stands.
            mend: What to do.
            witness: The value that shows it.
        """
        is_in_old = self._is_in_old(place)
        finding = Finding(
            rule,
            severity,
            self.where,
            message,
            pointer=place.key.removeprefix("#"),
            is_in_old=is_in_old,
            witness=witness,
            mend=mend,
        )
        if finding not in self.findings:
            self.findings.append(finding)

    def _is_in_old(self, place: Place) -> bool:
        """Return whether a place is in the old document."""
        found = self.old.root.schema
        for token in place.pointer.split("/")[1:]:
            token = token.replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(token)] if isinstance(found, list) else found[token]
            except (KeyError, IndexError, ValueError, TypeError):
                return False
        return found is place.schema

    def request_fits(
        self, sent: Place, read: Place, *, kinds: Kind = ANY_KIND, undeclared: str = ""
    ) -> Judgement:
        """Return whether what is asked is understood.

        Args:
            sent: The schema by which a request is made.
            read: The schema by which it is read.
            kinds: What of it counts.
            undeclared: A property beside the declared ones that is sent, too.
        """
        view = replace(self.request, closed=True, undeclared=undeclared)
        return self.court.judge(
            Side(self.asks.document, sent, view),
            Side(self.answers.document, read, self.request),
            kinds=kinds,
        )

    def response_fits(self, sent: Place, read: Place) -> Judgement:
        """Return whether what is answered is understood.

        Args:
            sent: The schema by which an answer is made.
            read: The schema by which it is read.
        """
        return self.court.judge(
            Side(self.answers.document, sent, replace(self.response, closed=True)),
            Side(self.asks.document, read, replace(self.response, tolerant=True)),
        )

    def report(
        self, judgement: Judgement, rule: str, message: str, place: Place, mend: str
    ) -> None:
        """Add what a judgement says, if it says something.

        Args:
            judgement: The judgement.
            rule: The rule's name if it breaks.
            message: What it means if it breaks.
            place: Where it stands.
            mend: What to do.
        """
        if judgement.verdict is Verdict.BREAKS:
            self.tell(
                rule,
                Severity.ERROR,
                message,
                place,
                mend=mend,
                witness=Witness(judgement.witness),
            )
        elif judgement.verdict is Verdict.UNKNOWN:
            self.tell(
                f"{rule}-unknown",
                Severity.UNKNOWN,
                f"it is not known whether {message}: {judgement.reason}",
                place,
                mend="compare it by hand",
            )
