"""fleet events: what waits on the bus, and having it tried again."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from fleetwright_cli._errors import NOT_COMPLIANT, WRONG_ARGUMENTS, FleetError
from fleetwright_cli._printer import Printer
from fleetwright_cli.fleet import discover
from fleetwright_cli.local._bus import (
    Answers,
    Asked,
    ask_all,
    asked,
    data_of,
    knowing,
    require_known,
    teller,
    unknown,
    with_events,
)
from fleetwright_cli.local._bus_words import (
    replayed_lines,
    silent_brokers,
    span_words,
    stuck_table,
    topic_rows,
    topic_table,
)
from fleetwright_cli.local._event_documents import documents

events = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="See the events that wait between the services, and have them tried again.\n\n"
    "Works on the running fleet and on a stopped one.\n\n"
    "Examples: `fleet events topics`, `fleet events parked orders`,"
    " `fleet events replay --all`.\n\n"
    "Exit codes: 0 done; 1 somebody could not answer or refused, or no service knows"
    " an id; 2 wrong arguments, such as a service without events or a topic that"
    " nobody publishes or hears.",
)
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
OfService = Annotated[str | None, typer.Option("--service", help="Of this one only.")]


@events.command()
def topics(as_json: AsJson = False) -> None:
    """Show every topic: who publishes, who hears, what waits.

    OUTBOX waits for the broker, BROKER for the group, PARKED for another try; DEAD is
    tried no more. OLDEST is the age of the oldest of them, where the broker tells it.

    Examples: `fleet events topics`, `fleet events topics --json`.
    """
    printer = Printer(as_json=as_json)
    answers = _all(printer, lambda one: one.answer("topics"))
    rows = topic_rows(answers.said)
    document = {"topics": rows, "services": list(answers.said.values())}
    nothing = _nothing("no service has events", answers)
    printer.data(document, topic_table(rows) if rows else nothing)
    for line in silent_brokers(answers.said):
        printer.talk(line)
    _tell_failed(printer, answers)


@events.command()
def parked(
    service: Annotated[
        str | None, typer.Argument(help="Of this service; of all when left out.")
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Of this topic only.")] = None,
    behind: Annotated[
        bool, typer.Option("--behind", help="Also those that wait behind another one.")
    ] = False,
    limit: Annotated[int, typer.Option(help="How many of each service.", min=1)] = 100,
    as_json: AsJson = False,
) -> None:
    """Show events that wait for another try, are dead or refused.

    Refused are those that the broker does not take.

    Examples: `fleet events parked`, `fleet events parked orders --behind`.
    """
    printer = Printer(as_json=as_json)
    words = ["parked", f"--limit={limit}"]
    words += [f"--topic={topic}"] if topic else []
    words += ["--behind"] if behind else []
    answers = _all(printer, lambda one: one.answer(*words), service, topic)
    rows = _with_service(answers)
    nothing = _nothing("nothing is parked", answers)
    printer.data({"events": rows}, stuck_table(rows) if rows else nothing)
    _tell_failed(printer, answers)


@events.command()
def show(
    id: Annotated[
        str, typer.Argument(help="Of the event, from `fleet events parked`.")
    ],
    whole: Annotated[
        bool, typer.Option("--body", help="All of the body, nothing masked.")
    ] = False,
    service: OfService = None,
    as_json: AsJson = False,
) -> None:
    """Show an event that waits: its attributes and its body.

    The attributes are those of CloudEvents. Secrets in the body are masked as they
    are in logs.

    Examples: `fleet events show 019a...`, `fleet events show 019a... --body`.
    """
    printer = Printer(as_json=as_json)
    words = ["show", *(["--body"] if whole else []), "--", id]
    answers = _all(printer, lambda one: one.answer(*words), service)
    rows = _with_service(answers)
    if not rows:
        raise unknown([id], answers)
    printer.data({"events": rows}, "\n".join(json.dumps(r, indent=2) for r in rows))
    _tell_failed(printer, answers)


@events.command()
def replay(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Events, from `fleet events parked`.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="All that is parked, dead or refused.")
    ] = False,
    service: OfService = None,
    topic: Annotated[str | None, typer.Option(help="Of this topic only.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Hear again what the broker kept, 10m or 2h.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="The same from a moment or number on.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Where that ends, itself included.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Have events tried again; safe to repeat, each counts once.

    Without a stretch: what is parked, dead or refused. With `--since`, `--from` or
    `--to`: what the broker has kept of a topic is delivered again, and the inbox
    recognises what was handled.

    Examples: `fleet events replay 019a...`, `fleet events replay --all`,
    `fleet events replay --topic orders.placed --service stock --since 10m`.
    """
    printer = Printer(as_json=as_json)
    chosen = list(ids or ())
    if since or first or last:
        _reread(printer, topic, service, span_words(since, first, last))
        return
    if not (chosen or everything or service or topic):
        raise FleetError(
            "it is not said what to replay",
            hint="give ids, `--all`, `--service orders` or `--topic orders.placed`",
            exit_code=WRONG_ARGUMENTS,
        )
    words = ["replay", *([f"--topic={topic}"] if topic else [])]
    words += ["--", *chosen] if chosen else ["--all"]
    answers = _all(printer, lambda one: one.answer(*words), service, topic)
    require_known(chosen, answers)
    lines = replayed_lines(answers.said)
    text = "\n".join(lines) or _nothing("nothing is parked", answers)
    printer.data({"services": answers.said}, text)
    _tell_stopped(printer, answers, ("retried", "resent"))
    _tell_failed(printer, answers)


def _reread(
    printer: Printer, topic: str | None, service: str | None, span: list[str]
) -> None:
    """Have what a broker has kept delivered once more."""
    if topic is None:
        raise FleetError(
            "it is not said which topic to hear again",
            hint="add `--topic orders.placed`, and `--service` for one group only",
            exit_code=WRONG_ARGUMENTS,
        )
    words = ["reread", topic, *span]
    answers = _all(printer, lambda one: one.answer(*words), service, topic)
    groups = [group for told in answers.said.values() for group in told]
    if not groups and not answers.failed:
        raise FleetError(
            f"nobody hears {topic}",
            where=f"asked: {', '.join(answers.said)}",
            hint="see who hears what with `fleet events topics`",
        )
    lines = [f"{one['group']}: {one['delivered_again']} come again" for one in groups]
    printer.data({"groups": groups}, "\n".join(lines) or "nothing comes again")
    _tell_failed(printer, answers)


@events.command()
def discard(
    ids: Annotated[
        list[str] | None, typer.Argument(help="From `fleet events parked`.")
    ] = None,
    *,
    topic: Annotated[
        str | None, typer.Option(help="All that is of this topic.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    service: OfService = None,
    as_json: AsJson = False,
) -> None:
    """Destroy events that are stuck; those behind them go on.

    Stuck is what is parked, dead or refused. If a parked one comes again it is
    ignored. There is no way back.

    Examples: `fleet events discard 019a...`,
    `fleet events discard --topic orders.placed --service stock --yes`.
    """
    printer = Printer(as_json=as_json)
    chosen = list(ids or ())
    if not (chosen or topic):
        raise FleetError(
            "it is not said what to discard",
            hint="give ids, or `--topic orders.placed`",
            exit_code=WRONG_ARGUMENTS,
        )
    those = _those(service, topic)
    if not yes:
        _agreed(chosen, topic)
    words = ["discard", *([f"--topic={topic}"] if topic else []), "--", *chosen]
    answers = ask_all(those, lambda one: one.answer(*words))
    require_known(chosen, answers)
    lines = [
        f"{name}: {what} {id}"
        for name, told in answers.said.items()
        for what in ("discarded", "handled")
        for id in told[what]
    ]
    text = "\n".join(lines) or _nothing("nothing is stuck", answers)
    printer.data({"services": answers.said}, text)
    _tell_failed(printer, answers)


def _agreed(ids: Sequence[str], topic: str | None) -> None:
    """Ask before something is destroyed."""
    if not ids:
        what = f"whatever is stuck of {topic}"
    else:
        what = f"{len(ids)} events" if len(ids) > 1 else f"the event {ids[0]}"
    if not sys.stdin.isatty():
        raise FleetError(
            f"{what} would be destroyed, and nobody is there to be asked",
            hint="look with `fleet events show`, then add `--yes`",
            exit_code=WRONG_ARGUMENTS,
        )
    sys.stderr.write(f"destroy {what} for good? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise FleetError("nothing was destroyed", hint="answer `y`, or add `--yes`")


@events.command()
def publish(
    topic: Annotated[str, typer.Argument(help="What the event tells.")],
    data: Annotated[str, typer.Argument(help="JSON, @file, or - for stdin.")],
    service: Annotated[
        str | None, typer.Option(help="Who tells it; whoever publishes the topic.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Of the event; the newest when left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish an event, as declared, through a service's outbox.

    Examples: `fleet events publish orders.paid '{"order_id": "..."}'`,
    `fleet events publish orders.paid @paid.json --service orders`.
    """
    printer = Printer(as_json=as_json)
    body = data_of(data)
    those = _those(service, topic if service else None)
    by = those[0] if service else teller(topic, those)
    words = ["publish", topic, *([f"--version={version}"] if version else [])]
    told = by.answer(*words, data=body)
    printer.data(told | {"service": by.service}, str(told["id"]))
    how = f"{topic} of {by.service}, through its {told['through']}"
    printer.talk(how if told["through"] == "outbox" else f"{topic}, to the broker")
    if told["through"] == "outbox" and not by.runs:
        printer.talk(f"{by.service} does not run: it leaves once it does")


@events.command()
def asyncapi(
    services: Annotated[
        list[str] | None, typer.Argument(help="Services; none for all.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when one is stale.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write contracts/asyncapi.json: what services tell and hear.

    The documents are AsyncAPI 3.

    Examples: `fleet events asyncapi`, `fleet events asyncapi orders`,
    `fleet events asyncapi --check`.
    """
    printer = Printer(as_json=as_json)
    fleet = discover()
    found = with_events(fleet, services or ())
    those = asked(fleet, found)
    kept = documents(found, those)
    places = [str(file.relative_to(fleet.root)) for file in kept.stale.values()]
    if not check:
        kept.write()
    word = "is stale" if check else "written"
    lines = [f"{place} {word}" for place in places]
    printer.data({"stale": places}, "\n".join(lines) or "all are as the code says")
    _tell_failed(printer, kept.answers)
    if check and places:
        raise FleetError(
            f"{len(places)} of the documents are not what the code says",
            hint=f"run `fleet events asyncapi {' '.join(kept.stale)}`",
        )


def _all(
    printer: Printer,
    question: Callable[[Asked], Any],
    service: str | None = None,
    topic: str | None = None,
) -> Answers:
    """Ask all services that have events, or one; of a topic, those who know it."""
    those = _those(service, topic)
    printer.status(f"asking {', '.join(one.service for one in those)}")
    return ask_all(those, question)


def _those(service: str | None, topic: str | None = None) -> list[Asked]:
    """Return whom to ask."""
    fleet = discover()
    those = asked(fleet, with_events(fleet, [service] if service else []))
    return those if topic is None else knowing(topic, those)


def _nothing(words: str, answers: Answers) -> str:
    """Return words for nothing, held back where not everybody has answered."""
    return f"{words}, as far as is known" if answers.failed else words


def _with_service(answers: Answers) -> list[dict[str, Any]]:
    return [
        {"service": name} | row for name, rows in answers.said.items() for row in rows
    ]


def _tell_stopped(printer: Printer, answers: Answers, moved: Sequence[str]) -> None:
    """Say of services that do not run that theirs waits until they do."""
    fleet = discover()
    busy = [
        fleet.services[name]
        for name, told in answers.said.items()
        if any(told[what] for what in moved)
    ]
    for one in asked(fleet, busy):
        if not one.runs:
            printer.talk(f"{one.service} does not run: it is tried once it does")


def _tell_failed(printer: Printer, answers: Answers) -> None:
    """Say who could not answer; that is a failure, whatever the others said."""
    for error in answers.failed.values():
        printer.error(str(error))
    if answers.failed:
        raise typer.Exit(NOT_COMPLIANT)
