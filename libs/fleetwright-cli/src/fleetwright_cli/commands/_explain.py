"""fleet explain: one statement of the standard, with its examples."""

from dataclasses import asdict
from typing import Annotated

import typer

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer, paint
from fleetwright_cli.standard import SECTIONS, Rule, rules


def explain(
    rule: Annotated[str, typer.Argument(help="The rule's id, as `CFG-04`.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Show what the standard says, why, how it is checked, and examples.

    Example: `fleet explain CON-05`.
    """
    found = rules().get(rule.upper())
    if found is None:
        raise FleetError(
            f"`{rule}` is no rule",
            hint="docs/standard.md lists them",
            exit_code=WRONG_ARGUMENTS,
        )
    Printer(as_json=as_json).data(asdict(found), _page(found))


def _page(rule: Rule) -> str:
    """Return a rule for a person."""
    lines = [
        f"{paint(rule.id, 'cyan')}  {rule.says}",
        f'  "{rule.sentence}"',
        f"  section {rule.section}, {SECTIONS[rule.section]}; {rule.force}",
    ]
    for title, text in (
        ("checked", rule.how),
        ("why", rule.why),
        ("mend", rule.mend),
    ):
        lines += [f"{title}: {text}"] if text else []
    for title, example, colour in (
        ("good", rule.good, "green"),
        ("bad", rule.bad, "red"),
    ):
        if example:
            lines += ["", paint(f"{title}:", colour)]
            lines += [f"  {line}".rstrip() for line in example.splitlines()]
    return "\n".join(lines)
