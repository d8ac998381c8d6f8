"""Calls: is what a client sends taken, and what is answered understood?

Both are documents of OpenAPI: the client's says which requests it sends and which
answers it understands. What it sends must be accepted, every answer must be readable.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from fleetwright_contracts._accepted import Looking, as_sent, as_taken, has_facts
from fleetwright_contracts._findings import Finding, Severity
from fleetwright_contracts._judgement import Court, Side, Verdict
from fleetwright_contracts.errors import ContractError
from fleetwright_contracts.needs._mismatch import Mismatch
from fleetwright_contracts.needs._security import compare_token
from fleetwright_contracts.openapi import (
    Description,
    Operation,
    Talk,
    compare_bodies,
    compare_contents,
    compare_parameters,
    media_type_for,
    paired,
)
from fleetwright_contracts.schemas import View

_SENT: Final = Looking(conversions=False, rules=False)
# What the comparison of two versions says, in the words of a call.
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "request-narrowed": ("request-refused", "a value that is sent is refused"),
    "parameter-narrowed": ("request-refused", "a value that is sent is refused"),
    "response-widened": (
        "answer-not-understood",
        "a value is answered that is not understood",
    ),
    "response-property-removed": ("answer-lacks", "it is read, and never answered"),
    "response-media-type-removed": (
        "answer-not-understood",
        "no body is answered that can be read",
    ),
    "parameter-required": ("parameter-missing", "it is required, and not always sent"),
    "parameter-moved": (
        "parameter-ignored",
        "it is read from another place than it is sent to",
    ),
    "parameter-style": ("request-refused", "it is written otherwise than it is read"),
    "parameter-form": ("request-refused", "it is read as it is written"),
    "parameter-ignored": ("parameter-ignored", "it is sent, and not read"),
    "body-ignored": ("body-ignored", "the body is sent, and not read"),
    "body-required": ("body-missing", "a body is required, and not always sent"),
    "media-type-refused": ("request-refused", "JSON is sent, and not taken"),
}
_MENDS: Final[Mapping[str, str]] = {
    "request-refused": "declare it as narrowly as the provider does, or handle its 422",
    "answer-not-understood": "read it as widely as it is answered",
    "answer-lacks": "read it no more, or have the provider answer it",
}
_UNREADABLE: Final = frozenset(("400", "422"))
# Everybody's: nobody is let in, too much is asked or sent, or it cannot be read.
_USUAL: Final = frozenset(("400", "401", "403", "413", "415", "422", "429"))


def unmet(
    needs: Any,
    promised: Any,
    *,
    consumer: str,
    provider: str,
    client: str,
) -> list[Mismatch]:
    """Return what one typed client needs and does not get.

    Args:
        needs: What it sends and understands, as a document of OpenAPI.
        promised: The document of the provider.
        consumer: The service it belongs to.
        provider: The service that is called.
        client: Where it is declared: `orders.clients:Catalog`.

    Returns:
        Mismatches, by operation.

    Raises:
        ContractError: A document cannot be read.
    """
    court = Court()
    asks, answers = Description(court, needs), Description(court, promised)
    found = []
    pairs = list(
        paired(
            asks.operations(asks.root, "paths"),
            answers.operations(answers.root, "paths"),
        )
    )
    for sent, taken in pairs:
        talk = Talk(court, asks, answers, asks, where=sent.name)
        if taken is None:
            message = f"{provider} has no such operation"
            mend = "call what there is, or have it added"
            talk.tell(
                "operation-missing", Severity.ERROR, message, sent.place, mend=mend
            )
        else:
            _compare(talk, sent, taken, consumer)
            _look_again(talk, sent, taken)
        name = sent.place.schema.get("operationId", sent.name)
        found += [
            Mismatch(consumer, provider, f"{client}.{name}", one)
            for one in talk.findings
        ]
    return found


def _compare(talk: Talk, sent: Operation, taken: Operation, consumer: str) -> None:
    """Compare one operation, as its documents say it."""
    is_ready = bool(_UNREADABLE & talk.asks.table(sent.place, "responses").keys())
    for look in (compare_parameters, compare_bodies, _compare_answers):
        for one in _in_words_of_a_call(_seen(talk, look, sent, taken)):
            is_refusal = one.rule == "request-refused"
            if is_refusal and is_ready and _some_are_taken(talk, sent, taken):
                one = replace(one, severity=Severity.NOTE, mend="")
            talk.findings.append(one)
    talk.findings.extend(_seen(talk, _compare_refusals, sent, taken))
    compare_token(talk, sent, taken, consumer)


def _seen(
    talk: Talk,
    look: Callable[[Talk, Operation, Operation], None],
    sent: Operation,
    taken: Operation,
) -> list[Finding]:
    """Return what one look finds; what cannot be read is a finding itself."""
    part = replace(talk, findings=[], seen=set())
    try:
        look(part, sent, taken)
    except ContractError as error:
        message = f"it cannot be read: {error.message}"
        part.tell("unreadable", Severity.UNKNOWN, message, taken.place)
    return part.findings


def _in_words_of_a_call(findings: list[Finding]) -> Iterator[Finding]:
    """Yield findings as a consumer would say them."""
    for one in findings:
        plain = one.rule.removesuffix("-unknown")
        if one.rule == "unreadable":
            yield one
        if plain not in _WORDS:
            continue  # what would be news to others, such as a status more
        rule, message = _WORDS[plain]
        if one.severity is Severity.UNKNOWN:
            reason = one.message.rpartition(": ")[2]
            rule, message = f"{rule}-unknown", f"not known whether {message}: {reason}"
        elif "`" in one.message:
            message = f"`{one.message.split('`')[1]}`: {message}"
        mend = _MENDS.get(rule, "")
        yield replace(one, rule=rule, message=message, mend=mend)


def _look_again(talk: Talk, sent: Operation, taken: Operation) -> None:
    """Compare moments with and without a zone, which schemas do not tell apart."""
    said = json.dumps(talk.asks.root.schema)
    if "date-time" not in said or not has_facts(talk.answers.root.schema):
        return
    court = Court()
    asks = Description(court, as_sent(talk.asks.root.schema, _SENT))
    answers = Description(court, as_taken(talk.answers.root.schema, _SENT))
    part = Talk(court, asks, answers, asks, where=sent.name)
    again = {one.name: one for one in asks.operations(asks.root, "paths")}
    there = {one.name: one for one in answers.operations(answers.root, "paths")}
    compare_parameters(part, again[sent.name], there[taken.name])
    compare_bodies(part, again[sent.name], there[taken.name])
    known = {(one.rule, one.where) for one in talk.findings}
    for one in _in_words_of_a_call(part.findings):
        is_new = one.rule == "request-refused" and (one.rule, one.where) not in known
        if is_new and one.severity is Severity.ERROR:
            mend = "send moments with a zone: `AwareDatetime`"
            talk.findings.append(replace(one, mend=mend))


def _compare_answers(talk: Talk, sent: Operation, taken: Operation) -> None:
    """Compare what is answered with what is understood."""
    understood = talk.asks.at(sent.place, "responses", "2XX")
    if understood is None or "*/*" in talk.asks.table(understood, "content"):
        return
    if not talk.asks.table(understood, "content"):
        return
    for status, answer in talk.answers.table(taken.place, "responses").items():
        if status.startswith("2"):
            part = talk.about(f"{talk.where} response {status}")
            compare_contents(part, understood, answer)


def _compare_refusals(talk: Talk, sent: Operation, taken: Operation) -> None:
    """Say which refusals cannot happen, and which nobody handles."""
    handled = {
        one for one in talk.asks.table(sent.place, "responses") if one.startswith("4")
    }
    given = {
        one
        for one in talk.answers.table(taken.place, "responses")
        if one.startswith(("4", "default"))
    }
    is_open = bool(given & {"4XX", "4xx", "default"})
    for status in sorted(handled - given if not is_open else ()):
        message = f"{status} is handled, and never answered"
        talk.tell("refusal-impossible", Severity.WARNING, message, sent.place)
    for status in sorted(given - handled - _USUAL):
        message = f"{status} may be answered, and is not told from other refusals"
        talk.tell("refusal-unhandled", Severity.NOTE, message, taken.place)


def _some_are_taken(talk: Talk, sent: Operation, taken: Operation) -> bool:
    """Return whether at least some bodies that are sent are taken."""
    body = talk.asks.at(sent.place, "requestBody")
    other = talk.answers.at(taken.place, "requestBody")
    if body is None or other is None:
        return True
    for media_type in talk.asks.table(body, "content"):
        known = media_type_for(media_type, talk.answers.table(other, "content"))
        one = talk.asks.schema(body, "content", media_type, "schema")
        read = talk.answers.schema(other, "content", known or "", "schema")
        if one is None or read is None:
            return known is not None
        refused = {**talk.answers.root.schema, "x-refused": {"not": read.schema}}
        description = Description(talk.court, refused)
        place = description.schema(description.root, "x-refused")
        if place is None:
            return True
        view = View(hidden="readOnly", closed=True)
        judgement = talk.court.judge(
            Side(talk.asks.document, one, view), Side(description.document, place)
        )
        if judgement.verdict is Verdict.FITS:
            return False
    return True
