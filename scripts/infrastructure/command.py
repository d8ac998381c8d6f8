"""The command line: what is asked for, and what is said of it."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from infrastructure import processes
from infrastructure.instance import KINDS, Instance
from infrastructure.problems import InfraError
from infrastructure.server import Server

ROOT = Path(__file__).resolve().parents[2]
# Python drops what is raised while it throws an object away: those are counted as well.
_interrupts: list[int] = []
_STATES = {True: "answers", False: "does not answer"}

WHILE = "they end when this process ends"
TLS = "speak TLS only, with a certificate made for it; Kafka asks for a password, too"
FOR = "whose variables are printed (tests)"

_EXAMPLES = """\
examples:
  eval "$(scripts/infra up)"                     all three, and the variables of tests
  eval "$(scripts/infra up postgres rabbit --for fleet)"     those of `fleet up`
  scripts/infra up kafka --name mine --port 21500
  scripts/infra status --json
  scripts/infra kill rabbit                      SIGKILL; its data stays
  scripts/infra start rabbit                     on the same data, until it answers
  scripts/infra down                             no process and no data is left

An instance has ten ports in a row: PostgreSQL the first, RabbitMQ the second (its HTTP
API the third), Kafka the sixth. Data and logs are in .fleet/infra/NAME/ (or below
FLEET_INFRA_DIR).

exit codes: 0 done, 1 it could not be done (status: something does not answer),
2 the command line is wrong, 3 something must be installed first
"""


def main(words: Sequence[str] | None = None) -> int:
    """Do what the command line asks.

    Args:
        words: The command line; the process's own when None.

    Returns:
        The exit code.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    asked = _parser().parse_args(words)
    try:
        place = os.environ.get("FLEET_INFRA_DIR") or ROOT / ".fleet" / "infra"
        instance = Instance(Path(place), asked.name)
        if asked.verb == "up":
            return _up(instance, asked)
        if asked.verb == "down":
            gone = instance.down(asked.kinds)
            _say(f"down: {', '.join(gone) or 'nothing was up'}")
            return 0
        if asked.verb == "status":
            return _status(instance, asked)
        return _each(instance, asked)
    except InfraError as problem:
        _say(f"error: {problem}")
        return problem.code
    except KeyboardInterrupt:
        _say("interrupted: what was begun is gone")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/infra",
        description="Real PostgreSQL, RabbitMQ and Kafka on this machine, thrown away "
        "after use.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = ("up", "down", "status", "start", "stop", "kill", "pause", "resume")
    add = parser.add_argument
    add("verb", choices=verbs)
    add("kinds", nargs="*", metavar="SERVER", type=_kind, help=", ".join(KINDS))
    add("--name", default="default", help="which instance (default)")
    add("--port", type=_port, help="its first port; 0 for any; free ones are found")
    add("--durable", action="store_true", help="survive a power cut, too; slower")
    add("--tls", action="store_true", help=TLS)
    add("--for", dest="user", choices=("tests", "fleet"), default="tests", help=FOR)
    add("--while", dest="pid", type=int, metavar="PID", help=WHILE)
    add("--json", action="store_true", help="say it as JSON")
    return parser


def _up(instance: Instance, asked: argparse.Namespace) -> int:
    """Bring servers up; when one cannot, those this command began go as well."""
    before = {server.kind for server in instance.made()}
    brokers = ({*asked.kinds} or {*KINDS}) | before
    if asked.user == "fleet" and {"rabbit", "kafka"} <= brokers:
        raise InfraError(
            "a fleet has one broker: name rabbit or kafka, and another --name where "
            "the other is up"
        )
    begun: list[str] = []
    try:
        for kind in asked.kinds or KINDS:
            begun.append(kind)
            server = instance.up(
                kind, port=asked.port, durable=asked.durable, tls=asked.tls
            )
            if _interrupts:
                raise KeyboardInterrupt
            _say(f"{kind} is up on port {server.ports()[0]}: {server.folder}")
    except BaseException:  # Ctrl-C included
        instance.down([kind for kind in begun if kind not in before] or ["none"])
        raise
    servers = instance.made()
    if asked.pid:
        instance.leash(asked.pid)
    if asked.json:
        _print(json.dumps({server.kind: _told(server) for server in servers}, indent=2))
        return 0
    is_fleet = asked.user == "fleet"
    for server in servers:
        named = server.fleet_exports() if is_fleet else server.exports()
        for name, value in named.items():
            _print(f"export {name}='{value}'")
    return 0


def _status(instance: Instance, asked: argparse.Namespace) -> int:
    """Say which servers answer."""
    servers = {server.kind: _told(server) for server in instance.made(asked.kinds)}
    if asked.json:
        _print(json.dumps(servers, indent=2))
    else:
        for kind, told in servers.items():
            _print(f"{kind:9} {_STATES[told['answers'] is True]:15} {told['url']}")
        if not servers:
            _say(f"nothing is up under the name {instance.title()}")
    return 0 if servers and all(it["answers"] for it in servers.values()) else 1


def _each(instance: Instance, asked: argparse.Namespace) -> int:
    """Kill, start, stop, pause or resume servers that were made."""
    servers = instance.made(asked.kinds)
    absent = set(asked.kinds) - {server.kind for server in servers}
    if absent or not servers:
        what = ", ".join(sorted(absent)) or "nothing"
        raise InfraError(
            f"{what} is not up under the name {instance.title()}: "
            "scripts/infra up first"
        )
    for server in servers:
        if asked.verb == "start":
            server.begin()
        elif asked.verb == "stop":
            server.stop()
        elif asked.verb == "kill":
            server.kill()
        elif asked.verb == "pause":
            server.pause()
        else:
            server.resume()
    return 0


def _told(server: Server) -> dict[str, object]:
    """Return what is said of a server."""
    return {
        "url": server.url,
        "variables": server.exports(),
        "answers": bool(processes.running(server.note)) and server.answers(),
        "ports": server.ports(),
        "folder": str(server.folder),
    }


def _kind(text: str) -> str:
    if text not in KINDS:
        raise argparse.ArgumentTypeError(f"no {text} here: {', '.join(KINDS)}")
    return text


def _port(text: str) -> int:
    number = int(text)
    if number != 0 and not 1024 <= number <= 65_000:
        raise argparse.ArgumentTypeError("0, or 1024 to 65000")
    return number


def _interrupt(number: int, _: object) -> NoReturn:
    _interrupts.append(number)
    raise KeyboardInterrupt


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
