"""Section 10: docstrings, descriptions of the API, design documents."""

import re
from collections.abc import Iterator

from fleetwright_cli.standard._novelties import novelties
from fleetwright_cli.standard._repository import Repository, Unit
from fleetwright_cli.standard._rule import Breach, checks
from fleetwright_cli.standard._sections import Page, read_page
from fleetwright_cli.standard.section_06_services import shown_models

DESIGN = "docs/design"
HEADINGS = (
    "1. Summary",
    "2. Problem & Scope",
    "3. Technical Design",
    "4. Implementation Plan",
    "5. Open Questions",
)
_FILLERS = {"the", "a", "an", "of", "this"}
LEAST_DESIGN_WORDS = 60


@checks("DOC-02")
def fields_described(repository: Repository) -> Iterator[Breach]:
    """Yield models and fields of services that say nothing of themselves."""
    for service in repository.services:
        for path, one in shown_models(repository, service):
            if not one.is_public:
                continue
            if not one.has_docstring:
                yield Breach(path, one.line, f"{one.name} has no docstring")
            for field in one.fields:
                said = field.description
                if field.name.startswith("_") or said == "computed":
                    continue
                if not said:
                    yield Breach(
                        path, field.line, f"{one.name}.{field.name} is not described"
                    )
                elif _words(said) - _FILLERS <= _words(field.name):
                    what = (
                        f"`{said}` says no more than its name, {one.name}.{field.name}"
                    )
                    yield Breach(path, field.line, what)


@checks("DOC-03")
def google_docstrings(repository: Repository) -> Iterator[Breach]:
    """Yield docstrings that leave out what Google's style asks for."""
    for unit in repository.units:
        for path in unit.sources:
            for one in repository.python(path).functions:
                if one.undocumented:
                    missing = ", ".join(one.undocumented)
                    yield Breach(
                        path, one.line, f"the docstring of {one.name} lacks {missing}"
                    )


@checks("DOC-04")
def docstrings_everywhere(repository: Repository) -> Iterator[Breach]:
    """Yield public modules, classes and functions without a docstring."""
    for unit in repository.units:
        for path in unit.sources:
            yield from _undocumented(repository, unit, path)


@checks("DOC-05")
def significant_changes_designed(repository: Repository) -> Iterator[Breach]:
    """Yield what a change adds to the fleet without a word in a design document."""
    before = repository.history.before
    if before is None or not before.names:
        return
    found = list(novelties(repository, before))
    if found and not before.is_touched(DESIGN):
        for one in found:
            yield Breach(one.path, 1, f"{one.what} is new, and no design tells of it")


@checks("DOC-06")
def design_folder(repository: Repository) -> Iterator[Breach]:
    """Yield a repository without design documents, and ones that stand elsewhere."""
    if not list(repository.tree.below(DESIGN, ".md")):
        yield Breach(DESIGN, 1, "there is no design document in it")
    for path in repository.tree.below("docs", ".md"):
        if not path.startswith(f"{DESIGN}/"):
            titles = [one.title for one in read_page(repository.text(path)).sections]
            if titles[:5] == list(HEADINGS):
                yield Breach(
                    path, 1, f"this design document does not stand in {DESIGN}/"
                )


@checks("DOC-07")
def five_headings(repository: Repository) -> Iterator[Breach]:
    """Yield design documents without the five headings, in their order, each filled."""
    for path, page in _designs(repository):
        if not page.title:
            yield Breach(path, 1, "it has no title (`# Name`)")
        found = [one for one in page.sections if one.title in HEADINGS]
        if [one.title for one in found] != list(HEADINGS):
            missing = [
                one for one in HEADINGS if one not in {each.title for each in found}
            ]
            what = (
                f"`## {missing[0]}` is missing"
                if missing
                else "its headings are out of order"
            )
            yield Breach(path, 1, what)
        for one in found:
            if not one.text.strip():
                yield Breach(path, one.line, f"`## {one.title}` is empty")


@checks("DOC-09")
def non_goals(repository: Repository) -> Iterator[Breach]:
    """Yield design documents that leave open what they are not for."""
    for path, page in _designs(repository):
        section = page.find(HEADINGS[1])
        if section and not re.search(
            r"non-goal|not a goal|(out of|not in) scope", section.text, re.I
        ):
            yield Breach(path, section.line, "it names no non-goal")


@checks("DOC-10")
def design_said(repository: Repository) -> Iterator[Breach]:
    """Yield design documents whose design is a sentence or two."""
    for path, page in _designs(repository):
        section = page.find(HEADINGS[2])
        words = len(section.text.split()) if section else LEAST_DESIGN_WORDS
        if section and words < LEAST_DESIGN_WORDS:
            what = f"{words} words do not hold parts, data, calls and reasons"
            yield Breach(path, section.line, what)


@checks("DOC-11")
def design_plan(repository: Repository) -> Iterator[Breach]:
    """Yield design documents without phases."""
    for path, page in _designs(repository):
        section = page.find(HEADINGS[3])
        if section and not re.search(r"^\s*(\||[-*]\s|\d+\.\s)", section.text, re.M):
            yield Breach(path, section.line, "it lists no phases")


@checks("DOC-12")
def open_questions(repository: Repository) -> Iterator[Breach]:
    """Yield design documents that leave open whether anything is open."""
    for path, page in _designs(repository):
        section = page.find(HEADINGS[4])
        said = section.text if section else ""
        if section and not re.search(
            r"^\s*([-*]\s|\d+\.\s)|\bnone\b", said, re.M | re.I
        ):
            yield Breach(path, section.line, "it lists no question, nor says `None`")


def _words(text: str) -> set[str]:
    """Return the words of a text or a name, in small letters."""
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def _designs(repository: Repository) -> Iterator[tuple[str, Page]]:
    """Yield the design documents, read."""
    for path in repository.tree.below(DESIGN, ".md"):
        if path.rsplit("/", 1)[-1].lower() not in {
            "readme.md",
            "index.md",
            "template.md",
        }:
            yield path, read_page(repository.text(path))


def _undocumented(repository: Repository, unit: Unit, path: str) -> Iterator[Breach]:
    """Yield what is public in a file and has no docstring."""
    inside = path.removeprefix(f"{unit.folder}/src/").removesuffix(".py").split("/")
    if any(part.startswith("_") and part != "__init__" for part in inside):
        return
    facts = repository.python(path)
    if facts.error:
        return
    is_empty = not repository.tree.read(path).strip()
    if not facts.has_docstring and not (is_empty and inside[-1] == "__init__"):
        yield Breach(path, 1, "the module has no docstring")
    for one in facts.classes:
        if one.is_public and not one.has_docstring:
            yield Breach(path, one.line, f"{one.name} has no docstring")
    for function in facts.functions:
        is_overload = any("overload" in one.name for one in function.decorators)
        if function.is_public and not function.has_docstring and not is_overload:
            yield Breach(path, function.line, f"{function.name} has no docstring")
