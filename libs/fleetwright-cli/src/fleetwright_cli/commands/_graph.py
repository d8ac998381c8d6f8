"""fleet graph: who needs whom."""

import json
from typing import Annotated, Literal

import typer

from fleetwright_cli._errors import DONE, NOT_COMPLIANT
from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import find_root
from fleetwright_cli.graph import (
    Graph,
    drawing_of,
    facts_of,
    mermaid_of,
    read_graph,
    text_of,
)
from fleetwright_cli.standard import open_repository

Form = Literal["text", "svg", "mermaid", "json"]


def graph(
    *,
    form: Annotated[
        Form, typer.Option("--format", help="For whom the graph is.")
    ] = "text",
    check: Annotated[
        bool,
        typer.Option("--check", help="Exit 1 on circles and on what is undeclared."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Show who needs whom: libraries, calls and events.

    Examples: `fleet graph`, `fleet graph --format svg > graph.svg`,
    `fleet graph --format mermaid`, `fleet graph --check`.
    Reads files and runs none of them: imports and requirements, the clients that the
    code declares, `[callers]` of fleet.toml, needs.json and asyncapi.json of contracts.
    """
    repository = open_repository(find_root())
    found = read_graph(repository)
    repository.facts.keep()
    title = f"{repository.manifest.fleet.name}: who needs whom"
    Printer().data({}, _written(found, "json" if as_json else form, title))
    broken = found.undeclared or found.cycles("call") or found.cycles("library")
    raise typer.Exit(NOT_COMPLIANT if check and broken else DONE)


def _written(found: Graph, form: Form, title: str) -> str:
    """Return the graph in the form that was asked for."""
    if form == "json":
        return json.dumps(facts_of(found), indent=2)
    if form == "svg":
        return drawing_of(found, title)
    return mermaid_of(found) if form == "mermaid" else text_of(found)
