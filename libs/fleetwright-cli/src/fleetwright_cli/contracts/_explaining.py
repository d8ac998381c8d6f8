"""A rule, a finding or an edge, explained: what is compared, and in which direction."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.contracts._declarations import Declarations
from fleetwright_cli.contracts._evolution import evolution
from fleetwright_cli.contracts._frozen import frozen
from fleetwright_cli.contracts._verification import verify
from fleetwright_cli.contracts._words import (
    changes_data,
    changes_text,
    finding_data,
    finding_lines,
    unmet_data,
    unmet_text,
)
from fleetwright_cli.fleet import Fleet, discover
from fleetwright_contracts import RULES, Explanation, Finding, explained
from fleetwright_contracts.needs import sent_by

_FINDING = "FC-"
Page = tuple[dict[str, Any], str]


def explain_one(name: str, against: str | None = None) -> Page:
    """Return what a rule or a finding means, as data and for a person.

    Args:
        name: A rule, or the fingerprint of a finding.
        against: The revision since which it came; None: it is one of `verify`.

    Raises:
        FleetError: There is nothing of that name.
    """
    if name.startswith(_FINDING):
        return _finding(discover(), name, against)
    found = explained(name)
    if found is None:
        near = difflib.get_close_matches(name, RULES, n=3)
        raise FleetError(
            f"`{name}` is no rule",
            hint=f"is it one of these: {', '.join(near or sorted(RULES))}",
            exit_code=WRONG_ARGUMENTS,
        )
    return asdict(found), _page(found)


def _page(one: Explanation) -> str:
    """Return a rule for a person."""
    return "\n".join(
        [
            f"{one.rule}: {one.says}",
            f"  sends: {one.direction.sends}",
            f"  reads: {one.direction.reads}",
            f"  shown by: {one.shown}",
            f"  mend: {one.mend}",
        ]
    )


def _finding(fleet: Fleet, fingerprint: str, against: str | None) -> Page:
    """Return a finding with what its rule means."""
    contracts = frozen(fleet.services.values())
    if against is not None:
        changes = [
            one
            for one in evolution(fleet, contracts, against)
            if one.finding.fingerprint == fingerprint
        ]
        rules = [one.finding.rule for one in changes]
        data = changes_data(changes, against)
        text = changes_text(changes, against, notes=True)
    else:
        found = verify(fleet, contracts)
        unmet = [it for it in found.unmet if it.finding.fingerprint == fingerprint]
        rules = [one.finding.rule for one in unmet]
        data = unmet_data(type(found)(unmet, found.edges))
        text = unmet_text(type(found)(unmet, found.edges), notes=True)
    if not rules:
        raise FleetError(
            f"nothing that was found is called {fingerprint}",
            hint="`fleet contracts verify --json` names them; what changed since a"
            " revision is found with `--against REVISION`",
            exit_code=WRONG_ARGUMENTS,
        )
    rule = explained(rules[0])
    page = "" if rule is None else _page(rule)
    data["rule"] = None if rule is None else asdict(rule)
    return data, "\n".join([*text.splitlines()[:-1], page])


def explain_edge(fleet: Fleet, consumer: str, provider: str) -> Page:
    """Return all that one service needs of another, and whether it gets it.

    Args:
        fleet: The fleet on disk.
        consumer: Who needs something.
        provider: Of whom.

    Returns:
        It as data, and for a person.

    Raises:
        FleetError: There is no such service, or the one needs nothing of the other.
    """
    fleet.chosen([consumer, provider])
    contracts = frozen(fleet.services.values())
    needs = contracts[consumer].get("needs") or {}
    uses = [
        *_calls(needs, provider),
        *_hears(needs, provider, contracts[provider]),
    ]
    if not uses:
        raise FleetError(
            f"{consumer} needs nothing of {provider}",
            hint="`fleet graph` shows who needs whom",
            exit_code=WRONG_ARGUMENTS,
        )
    declared = Declarations(fleet)
    for use in uses:
        place = declared.place(use["declared"])
        use["file"] = str(place[0].relative_to(fleet.root)) if place else ""
        use["line"] = place[1] if place else 0
    unmet = [
        one
        for one in verify(fleet, contracts).unmet
        if (one.mismatch.consumer, one.mismatch.provider) == (consumer, provider)
    ]
    data = {
        "consumer": consumer,
        "provider": provider,
        "fits": not any(one.fails for one in unmet),
        "uses": uses,
        "findings": [finding_data(one.finding) for one in unmet],
    }
    return data, _edge_text(data, [one.finding for one in unmet])


def _edge_text(data: Mapping[str, Any], findings: Iterable[Finding]) -> str:
    """Return an edge for a person."""
    fits = "fits" if data["fits"] else "does not fit"
    lines = [f"{data['consumer']} -> {data['provider']}: {fits}", ""]
    for use in data["uses"]:
        name = use["declared"].partition(":")[2]
        lines += [
            f"{use['what']}  {name}  {use['file']}:{use['line']}",
            *(f"  {one['sends']} -> {one['reads']}" for one in use["compared"]),
        ]
    for one in findings:
        lines += [
            "",
            f"{one.severity.upper()}  {one.where}  ({one.rule})",
            *finding_lines(one),
        ]
    return "\n".join(lines)


def _calls(needs: Mapping[str, Any], provider: str) -> list[dict[str, Any]]:
    """Return the operations of a provider that are called."""
    compared = [
        asdict(RULES[rule].direction)
        for rule in ("request-refused", "answer-not-understood")
    ]
    found = [
        {
            "what": f"{method.upper()} {path}",
            "declared": f"{call['client']}.{said['operationId']}",
            "compared": compared,
        }
        for call in needs.get("calls", ())
        if call["provider"] == provider
        for path, methods in call["needs"]["paths"].items()
        for method, said in methods.items()
    ]
    stubs = [call for call in needs.get("rpc", ()) if call["provider"] == provider]
    return found + [
        {"what": "gRPC", "declared": call["stub"], "compared": []} for call in stubs
    ]


def _hears(
    needs: Mapping[str, Any], provider: str, promised: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the events of a publisher that are heard."""
    sent = sent_by(provider, promised.get("asyncapi") or {})
    topics = {one.topic for one in sent}
    return [
        {
            "what": f"event {heard['topic']} v{heard['version']}",
            "declared": heard["event"],
            "compared": [asdict(RULES["event-not-understood"].direction)],
        }
        for heard in needs.get("hears", ())
        if heard["topic"] in topics
    ]
