"""The events of each service, asked of it in its own environment."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError
from fleetwright_cli.fleet import Fleet, Service
from fleetwright_cli.local._control import ask
from fleetwright_cli.local._needs import imports_events
from fleetwright_cli.local._plan import Places, plan
from fleetwright_cli.venvs import venv_of

_ANSWER_SECONDS = 60.0
_AT_ONCE = 4
_PREFIX = "fleetwright.bus: "


@dataclass(frozen=True, slots=True)
class Asked:
    """A service that can be asked about its events.

    Attributes:
        service: Its name.
        target: What is loaded: `orders.app:create_app`.
        python: The interpreter of its environment.
        folder: Where it runs.
        environment: What it is run with; of the running process where one runs.
        runs: Whether a process of it runs.
    """

    service: str
    target: str
    python: str
    folder: str
    environment: Mapping[str, str]
    runs: bool

    def answer(self, *words: str, data: bytes = b"") -> Any:
        """Return what the service says to a verb of `python -m fleetwright.bus`.

        Args:
            *words: The verb and its arguments.
            data: What it reads.

        Raises:
            FleetError: It could not do it; in its own words.
        """
        argv = [self.python, "-m", "fleetwright.bus", self.target, *words]
        done = self._run(argv, data)
        try:
            return json.loads(done)
        except ValueError:
            raise FleetError(
                f"{self.service} answered what is no JSON",
                where=done[:200],
                hint="its create_app must not print to stdout",
            ) from None

    def text(self, module: str) -> str:
        """Return what a module of the runtime prints about the service.

        Args:
            module: Run with the service's target.

        Raises:
            FleetError: It could not do it; in its own words.
        """
        return self._run([self.python, "-m", module, self.target], b"")

    def _run(self, argv: Sequence[str], data: bytes) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - the service's own interpreter
                argv,
                cwd=self.folder,
                env=dict(self.environment),
                input=data,
                capture_output=True,
                timeout=_ANSWER_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FleetError(
                f"{self.service} did not answer within {_ANSWER_SECONDS:g} seconds",
                where=" ".join(argv),
                hint="see whether its database and its broker answer",
            ) from None
        if done.returncode == 0:
            return done.stdout.decode("utf-8", "replace")
        said = done.stderr.decode("utf-8", "replace")
        raise _failed(self.service, said or f"it ended with {done.returncode}")


def _failed(service: str, said: str) -> FleetError:
    """Return the error a service told, its three parts taken apart again."""
    before, found, told = said.rpartition(_PREFIX)
    lines = (told if found else before).strip().splitlines()
    if not found:  # a traceback, or an interpreter that does not know the module
        return FleetError(
            f"{service} could not be asked about its events: {lines[-1]}",
            where="\n".join(lines[-4:-1]),
            hint="`fleet lock` and `fleet up` bring its environment up to date",
        )
    hints = [line.removeprefix("hint: ") for line in lines if line.startswith("hint: ")]
    where = [line.strip() for line in lines[1:] if line.startswith("  ")]
    return FleetError(
        f"{service}: {lines[0]}", where="\n".join(where), hint="\n".join(hints)
    )


def with_events(fleet: Fleet, names: Sequence[str] = ()) -> list[Service]:
    """Return the services that have to do with events.

    Args:
        fleet: The fleet on disk.
        names: Only these; all when empty.

    Raises:
        FleetError: There is no such service, or one that was named has no events.
    """
    chosen = fleet.chosen(list(names))
    found = [service for service in chosen if imports_events(service.folder)]
    for service in chosen:
        if names and service not in found:
            raise FleetError(
                f"{service.name} has no events",
                where=f"nothing in {service.folder / 'src'} imports fleetwright.events",
                hint="name a service that publishes or hears some, or none for all",
                exit_code=WRONG_ARGUMENTS,
            )
    return found


def asked(fleet: Fleet, services: Iterable[Service]) -> list[Asked]:
    """Return how to ask services, running or not.

    A running one is asked with the environment it was started with: what was typed in
    another terminal counts.

    Args:
        fleet: The fleet on disk.
        services: Which ones.

    Raises:
        FleetError: A service has no environment yet.
    """
    chosen = list(services)
    reply = ask(Places(fleet.root).run, "launches") or {"launches": []}
    running = {one["service"]: one for one in reversed(reply["launches"])}
    absent = [service for service in chosen if service.name not in running]
    pythons = {each.name: venv_of(fleet, each).python for each in absent}
    for launch in plan(fleet, absent, pythons).launches if absent else ():
        running.setdefault(
            launch.service,
            {
                "python": launch.argv[0],
                "folder": str(launch.folder),
                "environment": launch.environment,
            },
        )
    return [
        Asked(
            service=service.name,
            target=service.app,
            python=running[service.name]["python"],
            folder=running[service.name]["folder"],
            environment=running[service.name]["environment"],
            runs="name" in running[service.name],
        )
        for service in chosen
    ]


@dataclass(frozen=True, slots=True)
class Answers:
    """What several services said.

    Attributes:
        said: By service, in order.
        failed: The error of each service that could not answer.
    """

    said: Mapping[str, Any]
    failed: Mapping[str, FleetError]


def ask_all(those: Sequence[Asked], question: Callable[[Asked], Any]) -> Answers:
    """Ask several services at once; one that fails does not hide the others.

    Args:
        those: Whom.
        question: What.

    Returns:
        What they said, and why the others did not.
    """
    said: dict[str, Any] = {}
    failed: dict[str, FleetError] = {}
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        waiting = {one.service: pool.submit(question, one) for one in those}
        for service, answer in waiting.items():
            try:
                said[service] = answer.result()
            except FleetError as error:
                failed[service] = error
    return Answers(said, failed)


def require_known(ids: Sequence[str], answers: Answers) -> None:
    """Refuse ids that no service knows.

    Args:
        ids: As they were typed.
        answers: Ids by service and by what came of them.

    Raises:
        FleetError: Nobody knows one; it may have been handled meanwhile.
    """
    known = {
        id for told in answers.said.values() for found in told.values() for id in found
    }
    strange = [id for id in ids if id not in known]
    if strange:
        raise unknown(strange, answers)


def unknown(ids: Sequence[str], answers: Answers) -> FleetError:
    """Return the error about ids that no service knows.

    Args:
        ids: As they were typed.
        answers: Of those who were asked.
    """
    silent = "".join(f"\n{name} did not answer" for name in answers.failed)
    return FleetError(
        f"no service knows {', '.join(ids)}",
        where=f"asked: {', '.join(answers.said) or 'nobody'}{silent}",
        hint="see what waits with `fleet events parked`",
    )


def knowing(topic: str, those: Sequence[Asked]) -> list[Asked]:
    """Return those to whom a topic means something, or who cannot say.

    Args:
        topic: As it was typed.
        those: Who is asked.

    Raises:
        FleetError: It means nothing to any of them: it is a slip.
    """
    answers = ask_all(those, lambda one: one.answer("known"))
    found = [
        one
        for one in those
        if one.service in answers.failed or topic in answers.said[one.service]
    ]
    if not found:
        raise nobody_knows(topic, answers.said)
    return found


def teller(topic: str, those: Sequence[Asked]) -> Asked:
    """Return who publishes a topic; who hears it where nobody here publishes it.

    Args:
        topic: As it was typed.
        those: Who is asked.

    Raises:
        FleetError: Nobody does either, or somebody cannot say.
    """
    answers = ask_all(those, lambda one: one.answer("topics"))
    topics: dict[str, list[str]] = {}
    for what in ("sends", "hears"):
        for one in those:
            kinds = answers.said.get(one.service, {}).get(what, ())
            names = [kind["topic"] for kind in kinds]
            if topic in names:
                return one
            topics.setdefault(one.service, []).extend(names)
    for error in answers.failed.values():
        raise error
    raise nobody_knows(topic, topics)


def nobody_knows(topic: str, topics: Mapping[str, Sequence[str]]) -> FleetError:
    """Return the error about a topic that is none.

    Args:
        topic: As it was typed.
        topics: Those that each service knows.
    """
    known = sorted({each for names in topics.values() for each in names})
    close = get_close_matches(topic, known, n=1)
    see = "see the topics with `fleet events topics`"
    return FleetError(
        f"no service knows {topic}",
        where=f"asked: {', '.join(topics)}",
        hint=f"did you mean `{close[0]}`?" if close else see,
        exit_code=WRONG_ARGUMENTS,
    )


def data_of(text: str) -> bytes:
    """Return what an event is to hold.

    Args:
        text: JSON, `@file`, or `-` for what comes in.

    Raises:
        FleetError: The file cannot be read.
    """
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise FleetError(
            f"the event's data cannot be read: {error.strerror}",
            where=text[1:],
            hint="give JSON, @file or -",
            exit_code=WRONG_ARGUMENTS,
        ) from error
