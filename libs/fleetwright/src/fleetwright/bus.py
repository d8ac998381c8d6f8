"""python -m fleetwright.bus orders.app:create_app VERB: the events of one service.

Reads the service's own settings, looks at its own database and broker, and answers in
JSON; the service may run or not. Exit codes: 0 done, 1 failed, 2 wrong arguments.
"""

import argparse
import asyncio
import difflib
import json
import sys
from collections.abc import Sequence
from typing import Any

from fleetwright import _logs
from fleetwright._log_writer import LineWriter
from fleetwright._target import StartError, load, tell
from fleetwright.errors import FleetwrightError
from fleetwright.events._desk import Desk
from fleetwright.events._kept import Span
from fleetwright.events._stuck import Wanted

STDERR = 2
_OF_TOPIC = ("parked", "replay", "reread", "discard")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What was typed after the command; the process's own when left out.

    Returns:
        The exit code.
    """
    typed = _parser().parse_args(arguments)
    try:
        _, service = load(typed.target)
        # The answer is all that goes to stdout.
        _logs.set_up(service.name, service.settings, writer=LineWriter(STDERR))
        package = typed.target.partition(":")[0].partition(".")[0]
        answer = asyncio.run(_answer(Desk(service, package=package), typed))
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    except FleetwrightError as error:
        _logs.flush()
        return tell("fleetwright.bus", error)
    finally:
        _logs.flush()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fleetwright.bus", description=__doc__
    )
    parser.add_argument("target", help="module:function, as in orders.app:create_app")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("topics", help="what is sent and heard, and what waits where")
    verbs.add_parser("known", help="the topics that mean something to it")
    parked = verbs.add_parser("parked", help="what is parked, dead or refused")
    parked.add_argument("--topic")
    parked.add_argument("--limit", type=int, default=100)
    parked.add_argument("--behind", action="store_true", help="those behind others too")
    show = verbs.add_parser("show", help="an event with its headers and its body")
    show.add_argument("id")
    show.add_argument("--body", action="store_true", help="all of it, nothing masked")
    replay = verbs.add_parser("replay", help="try what is stuck again")
    replay.add_argument("ids", nargs="*")
    replay.add_argument("--topic")
    replay.add_argument("--all", action="store_true")
    reread = verbs.add_parser("reread", help="hear again what the broker has kept")
    reread.add_argument("topic")
    reread.add_argument("--first", type=float)
    reread.add_argument("--last", type=float)
    reread.add_argument("--counts", action="store_true", help="numbers, not seconds")
    discard = verbs.add_parser("discard", help="destroy what is stuck")
    discard.add_argument("ids", nargs="*")
    discard.add_argument("--topic")
    publish = verbs.add_parser("publish", help="publish an event; its data on stdin")
    publish.add_argument("topic")
    publish.add_argument("--version", type=int)
    return parser


async def _answer(desk: Desk, typed: argparse.Namespace) -> Any:
    async with desk.open():
        if typed.verb in _OF_TOPIC and typed.topic is not None:
            _require_known(typed.topic, await desk.known(), of=desk.service.name)
        match typed.verb:
            case "topics":
                return await desk.topics()
            case "known":
                return await desk.known()
            case "parked":
                wanted = Wanted(topic=typed.topic)
                limit, behind = typed.limit, typed.behind
                return await desk.parked(wanted, limit=limit, behind=behind)
            case "show":
                return await desk.show(typed.id, whole=typed.body)
            case "replay":
                return await desk.replay(_wanted(typed))
            case "reread":
                span = Span(typed.first, typed.last, typed.counts)
                return await desk.reread(typed.topic, span)
            case "discard":
                return await desk.discard(_wanted(typed))
            case _:
                body = sys.stdin.buffer.read()
                return await desk.publish(typed.topic, body, version=typed.version)


def _require_known(topic: str, known: Sequence[str], *, of: str) -> None:
    """Refuse a topic that means nothing to the service: it is a slip."""
    if topic in known:
        return
    close = difflib.get_close_matches(topic, known, n=1)
    raise StartError(
        f"{of} neither publishes nor hears {topic}",
        where=f"it knows: {', '.join(known) or 'none'}",
        hint=f"did you mean `{close[0]}`?" if close else "name one of these",
        exit_code=2,
    )


def _wanted(typed: argparse.Namespace) -> Wanted:
    """Return what is to be tried again or destroyed; nothing is meant by nothing."""
    is_all = typed.verb == "replay" and typed.all
    if not (typed.ids or typed.topic or is_all):
        raise StartError(
            f"it is not said what to {typed.verb}",
            where=typed.verb,
            hint="give ids or --topic TOPIC; `replay` takes --all as well",
            exit_code=2,
        )
    return Wanted(tuple(typed.ids), typed.topic)


if __name__ == "__main__":
    sys.exit(main())
