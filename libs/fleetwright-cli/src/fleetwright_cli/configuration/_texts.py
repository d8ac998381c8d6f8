"""Variables as a table for people, a page, a file of examples, and JSON."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from fleetwright_cli._printer import table
from fleetwright_cli.standard._settings_given import Finding
from fleetwright_cli.standard._variables import COMPUTED, Variable

NOTE = "Written from the code by `fleet config --write`; do not edit."
_COMMON = "The variables that every service reads are in [settings](settings.md)."


def text_of(services: Mapping[str, Sequence[Variable]]) -> str:
    """Return the variables of services for a person, their own first.

    Args:
        services: Variables by service.
    """
    rows = [
        (name, one.name, _default(one), one.kind, "own" if one.is_own else "inherited")
        for name, variables in services.items()
        for one in variables
    ]
    return table(("service", "variable", "default", "type", "declared"), rows)


def markdown_of(services: Mapping[str, Sequence[Variable]]) -> str:
    """Return a page of the variables that services declare themselves.

    Args:
        services: Variables by service.
    """
    lines = ["# Settings of each service", "", NOTE, _COMMON, ""]
    for name, variables in services.items():
        lines += [f"## {name}", ""]
        own = [one for one in variables if one.is_own]
        if not own:
            lines += ["None of its own.", ""]
            continue
        lines += ["| variable | type | default | what it is |", "|---|---|---|---|"]
        for one in own:
            default = f"`{_default(one)}`" if one.default else _default(one)
            cells = (f"`{one.name}`", f"`{one.kind}`", default, one.description)
            lines.append(f"| {' | '.join(_cell(each) for each in cells)} |")
        lines.append("")
    return "\n".join(lines)


def environment_of(variables: Iterable[Variable]) -> str:
    """Return variables as a file of the environment; secrets are left to be filled in.

    Args:
        variables: What a service reads.
    """
    lines: list[str] = []
    for one in variables:
        lines += [f"# {line}" for line in textwrap.wrap(one.description, 86)]
        default = "" if one.default == COMPUTED else one.default or ""
        is_plain = default and not any(mark in default for mark in "([{")
        if one.is_required:
            lines.append(f"{one.name}=")
        elif is_plain and not one.is_secret:
            lines.append(f"{one.name}={default}")
        else:
            lines.append(f"# {one.name}=")
    return "\n".join(lines)


def facts_of(
    services: Mapping[str, Sequence[Variable]], findings: Sequence[Finding]
) -> dict[str, object]:
    """Return variables and findings as JSON-ready values.

    Args:
        services: Variables by service.
        findings: What does not fit.
    """
    return {
        "services": {
            name: [
                {
                    "name": one.name,
                    "type": one.kind,
                    "default": None if one.is_secret else one.default,
                    "required": one.is_required,
                    "secret": one.is_secret,
                    "description": one.description,
                    "where": one.where,
                    "own": one.is_own,
                }
                for one in variables
            ]
            for name, variables in services.items()
        },
        "findings": [one.facts() for one in findings],
    }


def _default(one: Variable) -> str:
    """Return a default in words."""
    if one.default is None:
        return "must be set"
    return "secret" if one.is_secret and one.default else one.default or "empty"


def _cell(text: str) -> str:
    """Return a text that ends no cell."""
    return text.replace("|", "\\|")
