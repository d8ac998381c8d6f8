"""What two documents say beside their schemas: strictness, zones, rules, and errors.

It is looked at after all else: what the schemas show already is not told again.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fleetwright_contracts._accepted import (
    RULES,
    Looking,
    as_sent,
    as_taken,
    has_facts,
)
from fleetwright_contracts._findings import Finding, Severity
from fleetwright_contracts._judgement import Court
from fleetwright_contracts.openapi._bodies import compare_bodies
from fleetwright_contracts.openapi._description import Description, Operation
from fleetwright_contracts.openapi._parameters import compare_parameters
from fleetwright_contracts.openapi._responses import compare_contents
from fleetwright_contracts.openapi._routes import paired
from fleetwright_contracts.openapi._talk import Talk

INVALID = "x-fleet-invalid-request"
_NARROWED = {
    "request-narrowed": "request-stricter",
    "parameter-narrowed": "parameter-stricter",
}


def compare_facts(talk: Talk, court: Court) -> None:
    """Find what changed although the schemas did not, if both documents tell it.

    Args:
        talk: The conversation, with all that was found so far.
        court: Who compares schemas, with a budget of its own.
    """
    old, new = talk.asks.root.schema, talk.answers.root.schema
    if not (has_facts(old) and has_facts(new)):
        return
    _compare_invalid(talk)
    changed = [
        (one, other)
        for one, other in paired(
            talk.asks.operations(talk.asks.root, "paths"),
            talk.answers.operations(talk.answers.root, "paths"),
        )
        if other is not None and _request(old, one) != _request(new, other)
    ]
    if changed:
        _compare_requests(talk, court, changed)


def _compare_invalid(talk: Talk) -> None:
    """Compare what is answered to requests that cannot be read."""
    known = talk.asks.at(talk.asks.root, INVALID)
    given = talk.answers.at(talk.answers.root, INVALID)
    if known is None or given is None:
        return
    part = talk.about("requests that cannot be read")
    status = given.schema.get("x-fleet-status")
    if status != known.schema.get("x-fleet-status"):
        part.tell(
            "error-status-changed",
            Severity.ERROR,
            f"they are answered with {status}",
            given,
            mend="go on answering the status that clients look for",
        )
    compare_contents(part, known, given)


def _compare_requests(
    talk: Talk, court: Court, changed: list[tuple[Operation, Operation]]
) -> None:
    """Compare once more what is sent and what is taken, the facts written out."""
    looking = Looking()
    before = Description(court, as_sent(talk.asks.root.schema, looking))
    now = Description(court, as_taken(talk.answers.root.schema, looking))
    again = Talk(court, before, now, before)
    asked = {one.name: one for one in before.operations(before.root, "paths")}
    answered = {one.name: one for one in now.operations(now.root, "paths")}
    known = {(one.rule, one.where) for one in talk.findings}
    for one, other in changed:
        part = replace(again, where=one.name, findings=[])
        compare_parameters(part, asked[one.name], answered[other.name])
        compare_bodies(part, asked[one.name], answered[other.name])
        found = [it for it in _stricter(part.findings) if not _is_told(it, known)]
        talk.findings.extend(found)
        if not any(it.severity is Severity.ERROR for it in found):
            _tell_new_rules(talk.about(f"{one.name} request"), one, other)


def _stricter(findings: list[Finding]) -> Iterator[Finding]:
    """Yield what the facts show, under names of their own."""
    for one in findings:
        plain = one.rule.removesuffix("-unknown")
        if plain in _NARROWED and one.severity in (Severity.ERROR, Severity.UNKNOWN):
            rule = one.rule.replace(plain, _NARROWED[plain])
            message = one.message.replace("was allowed", "was accepted")
            mend = "go on accepting it, or offer the change under a new path"
            yield replace(one, rule=rule, message=message, mend=mend)


def _is_told(finding: Finding, known: set[tuple[str, str]]) -> bool:
    """Return whether the schemas alone show the same."""
    plain = {after: before for before, after in _NARROWED.items()}
    rule = finding.rule.removesuffix("-unknown")
    return (plain[rule], finding.where) in known


def _tell_new_rules(talk: Talk, one: Operation, other: Operation) -> None:
    """Say which rules in Python nobody can compare."""
    old = _rules(_request(talk.asks.root.schema, one))
    new = _rules(_request(talk.answers.root.schema, other))
    for name, digest in sorted(new - old):
        is_known = any(name == before for before, _ in old)
        talk.tell(
            "rule-changed-unknown",
            Severity.UNKNOWN,
            f"`{name}` decides in Python and is {'changed' if is_known else 'new'};"
            f" of the values it was tried on none shows a difference ({digest})",
            other.place,
            mend="see whether it refuses what was accepted",
        )


def _rules(text: str) -> set[tuple[str, str]]:
    """Return the rules that decide about a request, by name and code."""
    found: set[tuple[str, str]] = set()
    waiting: list[Any] = [json.loads(text)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found |= {(one["name"], one["digest"]) for one in value.get(RULES, ())}
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found


def _request(document: Any, operation: Operation) -> str:
    """Return all that is said of the requests of an operation, as one text."""
    said = operation.place.schema
    parts: dict[str, Any] = {
        "body": said.get("requestBody"),
        "parameters": [
            place.schema for _, place in sorted(operation.parameters.items())
        ],
    }
    schemas = document.get("components", {}).get("schemas", {})
    waiting: list[Any] = list(parts.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            if name in schemas and f"#{name}" not in parts:
                parts[f"#{name}"] = schemas[name]
                waiting.append(schemas[name])
            waiting += value.values()
    return json.dumps(parts, sort_keys=True)
