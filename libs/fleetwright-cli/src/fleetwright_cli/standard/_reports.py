"""A report in words: for a person, a program, a pull request."""

from collections.abc import Iterator
from itertools import groupby

from fleetwright_cli._printer import paint
from fleetwright_cli.standard._check import Finding, Report
from fleetwright_cli.standard._rule import Rule

_MOST_PLACES = 12


def facts_of(report: Report) -> dict[str, object]:
    """Return a report as JSON-ready values.

    Args:
        report: What a check found.
    """
    covered = report.coverage
    return {
        "findings": [_finding_facts(one) for one in report.findings],
        "summary": {
            "breaches": len(report.failing),
            "waived": sum(one.waiver is not None for one in report.findings),
            "frozen": sum(one.is_frozen for one in report.findings),
            "notes": len(report.notes),
            "mended_since_baseline": report.mended,
            "files": report.files,
            "vendored": list(report.vendored),
        },
        "coverage": {
            "statements": covered.statements,
            "checked": covered.checked,
            "in_part": covered.in_part,
            "in_full_by_tools": covered.deeper,
            "in_full_by_deep": covered.deepest,
            "human": covered.human,
            "open": covered.open,
            "left_to_tools": covered.for_tools,
            "left_to_deep": covered.for_deep,
        },
    }


def text_of(report: Report, *, every: bool = False) -> str:
    """Return a report for a person at a terminal.

    Args:
        report: What a check found.
        every: Whether each place is shown, and not only the first ones of a rule.
    """
    lines: list[str] = []
    for rule, found in _by_rule(report):
        lines += [f"{paint(rule.id, 'red')}  {_quoted(rule)}"]
        shown = found if every else found[:_MOST_PLACES]
        lines += [f"  {_place(one)}  {one.breach.what}" for one in shown]
        if len(found) > len(shown):
            lines.append(f"  and {len(found) - len(shown)} more (`--all` shows them)")
        lines += [f"  {paint(rule.why, 'dim')}", f"hint: {rule.mend}", ""]
    for one in report.notes:
        told = f"{_place(one)}  {one.breach.what}: {one.rule.mend}"
        lines.append(f"{paint('note', 'cyan')}  {one.rule.id}  {told}")
    if report.vendored:
        names = ", ".join(report.vendored)
        lines.append(f"not looked at, because they came with the tool: {names}")
    return "\n".join([*lines, summary_of(report), str(report.coverage)])


def summary_of(report: Report) -> str:
    """Return how it stands, in one line.

    Args:
        report: What a check found.
    """
    failing = report.failing
    broken = len({one.rule.id for one in failing})
    parts = [
        f"{_count(len(failing), 'breach', 'breaches')} of {_count(broken, 'rule')}"
    ]
    if not failing:
        parts = ["no breach"]
    if waived := sum(one.waiver is not None for one in report.findings):
        parts.append(f"{waived} waived")
    if report.notes:
        parts.append(_count(len(report.notes), "note"))
    if frozen := sum(one.is_frozen for one in report.findings):
        parts.append(f"{frozen} of the baseline")
    if report.mended:
        parts.append(f"{report.mended} of the baseline mended: draw it again")
    return ", ".join(parts)


def markdown_of(report: Report) -> str:
    """Return a report for a pull request.

    Args:
        report: What a check found.
    """
    lines = [f"### fleet check: {summary_of(report)}", ""]
    if report.failing:
        lines += ["| rule | place | what | mend |", "|---|---|---|---|"]
    for rule, found in _by_rule(report):
        for one in found:
            cells = (rule.id, f"`{_place(one)}`", one.breach.what, rule.mend)
            lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join([*lines, *([""] if report.failing else []), f"{report.coverage}."])


def annotations_of(report: Report) -> str:
    """Return a report as annotations for GitHub, one a line.

    Args:
        report: What a check found.
    """
    lines = []
    for one in report.failing:
        path, line = one.breach.path, one.breach.line
        where = f"file={_property(path)},line={line},title={_property(one.rule.id)}"
        message = f"{one.breach.what} - {one.rule.sentence} - {one.rule.mend}"
        lines.append(f"::error {where}::{_data(message)}")
    for one in report.notes:
        where = f"file={_property(one.breach.path)},line={one.breach.line}"
        lines.append(f"::notice {where},title={one.rule.id}::{_data(one.breach.what)}")
    return "\n".join(
        [*lines, f"::notice title=fleet check::{_data(summary_of(report))}"]
    )


def _by_rule(report: Report) -> Iterator[tuple[Rule, list[Finding]]]:
    """Yield the failing findings rule by rule."""
    for rule, found in groupby(report.failing, key=lambda one: one.rule):
        yield rule, list(found)


def _finding_facts(one: Finding) -> dict[str, object]:
    """Return a finding as JSON-ready values."""
    return {
        "rule": one.rule.id,
        "sentence": one.rule.sentence,
        "section": one.rule.section,
        "force": one.rule.force,
        "path": one.breach.path,
        "line": one.breach.line,
        "what": one.breach.what,
        "why": one.rule.why,
        "mend": one.rule.mend,
        "state": _state(one),
        "reason": one.waiver.reason if one.waiver else "",
        "fingerprint": one.fingerprint,
    }


def _state(one: Finding) -> str:
    """Return what a finding is to whoever reads it."""
    if one.waiver is not None:
        return "waived"
    if one.is_frozen:
        return "frozen"
    return "note" if one.rule.is_note else "breach"


def _place(one: Finding) -> str:
    """Return where a finding is, for a person to click on."""
    return f"{one.breach.path}:{one.breach.line}"


def _quoted(rule: Rule) -> str:
    """Return what the rule says and the sentence it is taken from."""
    sentence = rule.sentence.replace("**", "")
    return f"{rule.says}  (section {rule.section}: {sentence})"


def _count(number: int, one: str, many: str = "") -> str:
    """Return a number with its word."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _cell(text: str) -> str:
    """Return a text that breaks no table."""
    return text.replace("|", "\\|").replace("\n", " ")


def _data(text: str) -> str:
    """Return a text as GitHub wants a message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Return a text as GitHub wants a property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
