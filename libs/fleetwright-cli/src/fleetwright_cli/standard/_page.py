"""The page of the standard: each statement with its checker and its examples."""

from collections.abc import Iterator

from fleetwright_cli.standard._check import coverage
from fleetwright_cli.standard._examples import files_of
from fleetwright_cli.standard._rule import SECTIONS, Rule, read_ones, rules

_HEAD = """\
# The standard, statement by statement

Written by `scripts/standard.py` from the rules of `fleet check`; do not edit. What the
examples show is what the checkers are tested with: files laid over a small fleet that
keeps every rule.

{coverage}.
"""
_CHECKED_BY = {
    "static": "by reading",
    "tools": "by `--tools`",
    "deep": "by `--deep`",
    "human": "by a person",
}


def page() -> str:
    """Return the page as Markdown."""
    told = coverage(read_ones())
    parts = [_HEAD.format(coverage=str(told))]
    for number, title in SECTIONS.items():
        found = [one for one in rules().values() if one.section == number]
        parts.append(f"\n## {number}. {title}\n\n{_table(found)}\n")
        parts += ["\n" + "\n".join(_rule(one)) + "\n" for one in found]
    return "".join(parts)


def _table(found: list[Rule]) -> str:
    """Return the statements of a section at a glance."""
    rows = ["| rule | statement | the standard says | checked |", "|---|---|---|---|"]
    rows += [
        f"| {one.id} | {one.says} | {one.force} | {_checked(one)} |" for one in found
    ]
    return "\n".join(rows)


def _checked(one: Rule) -> str:
    """Return how far a statement is checked, in a few words."""
    by = f"by {one.same_as}" if one.same_as else _CHECKED_BY[one.depth]
    for is_so, name in ((one.by_tools, "--tools"), (one.by_deep, "--deep")):
        if is_so:
            return f"{by}, in part; the rest by `{name}`"
    return f"{by}, in part" if one.in_part else by


def _rule(one: Rule) -> Iterator[str]:
    """Yield the lines about one statement."""
    yield f"### {one.id}: {one.says}\n"
    yield f"> {one.sentence}\n"
    for title, text in (("Checked", one.how), ("Why", one.why), ("Mend", one.mend)):
        if text:
            yield f"- **{title}**: {text}"
    for title, example in (("Good", one.good), ("Bad", one.bad)):
        if example:
            yield f"\n{title}:"
            yield from _example(example)


def _example(example: str) -> Iterator[str]:
    """Yield the lines of an example, indented: it may hold fences of its own."""
    for path, content in files_of(example).items():
        yield f"\n    # {path}" if content is not None else f"\n    # no {path}"
        for line in (content or "").rstrip("\n").splitlines():
            yield f"    {line}".rstrip()
