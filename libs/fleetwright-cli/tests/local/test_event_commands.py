"""fleet events as typed: a real service that runs, fails, is mended and is stopped."""

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fleetwright_cli.fleet import discover
from fleetwright_cli.venvs import READY, venv_of

ROOT = Path(__file__).resolve().parents[4]
TILLS = ROOT / "libs" / "fleetwright" / "tests" / "integration" / "tills"
PATIENCE_SECONDS = 30.0


class Fleet:
    """A fleet of one service, tills, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        """Lay it out, its environment made: this interpreter stands in for it."""
        self.root = root
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (root / "fleet.toml").write_text(
            f"[fleet]\nname = 'tills'\n[up]\nfirst_port = {port}\nstop_seconds = 5\n"
        )
        self.folder = root / "services" / "tills"
        shutil.copytree(TILLS, self.folder / "src" / "tills")
        (self.folder / "requirements.txt").write_text("# tills\n")
        fleet = discover(root)
        venv = venv_of(fleet, fleet.services["tills"])
        venv.python.parent.mkdir(parents=True)
        venv.python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        venv.python.chmod(0o755)
        (venv.folder / READY).touch()
        with self.database() as database:
            database.execute("create table takings(till text, pence int)")

    def database(self) -> Any:
        """Open the service's database; it is closed after the block."""
        return closing(sqlite3.connect(self.folder / "tills.db", isolation_level=None))

    def typed(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run `fleet`."""
        return subprocess.run(
            [sys.executable, "-m", "fleetwright_cli", *words],
            cwd=self.root,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def events(self, *words: str, given: str = "") -> Any:
        """Return the JSON answer of `fleet events`, which must succeed."""
        done = self.typed("events", *words, "--json", given=given)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def sell(self, pence: int) -> str:
        """Publish that something was sold; return the event's id."""
        sold = json.dumps({"till": "south", "pence": pence})
        return str(self.events("publish", "shops.sold", "-", given=sold)["id"])

    def until(self, query: str, wanted: list[Any]) -> None:
        """Wait until a query of the service's database returns these values."""
        latest = time.monotonic() + PATIENCE_SECONDS
        while True:
            with self.database() as database:
                found = [row[0] for row in database.execute(query)]
            if found == wanted:
                return
            assert time.monotonic() < latest, found
            time.sleep(0.02)  # the look at another process, not a guess at its speed


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A fleet of one service; down at the end."""
    made = Fleet(tmp_path)
    yield made
    made.typed("down")


def test_event_that_died_is_found_mended_and_counted_once(fleet: Fleet) -> None:
    """The story of an operator, on a running fleet and then on a stopped one."""
    broken = fleet.folder / "broken"
    broken.touch()
    started = fleet.typed("up", "--detach", "--no-reload")
    assert started.returncode == 0, started.stderr
    first, second = fleet.sell(100), fleet.sell(200)
    fleet.until("select count(*) from fleet_parked", [2])
    topics = fleet.typed("events", "topics").stdout
    parked = fleet.events("parked")["events"]
    shown = fleet.typed("events", "show", first).stdout
    asked = fleet.typed("events", "discard", second)
    broken.unlink()
    replayed = fleet.typed("events", "replay", first)
    fleet.until("select pence from takings order by 1", [100, 200])
    again = fleet.typed("events", "replay", first, second)
    heard_again = fleet.events("replay", "--topic", "shops.sold", "--since", "1h")
    stopped = fleet.typed("down")
    later = fleet.typed("events", "publish", "tills.counted", '{"till": "x"}')
    waiting = fleet.events("topics")["topics"]

    assert "shops.sold     -      0       tills  0       1       1" in topics
    assert [(one["id"], one["standing"], one["behind"]) for one in parked] == [
        (first, "dead", 1)
    ]
    assert '"pence": 100' in shown
    assert asked.returncode == 2
    assert "nobody is there to be asked" in asked.stderr
    assert replayed.stdout == "tills: 1 tried again\n"
    assert again.stdout == "tills: 2 handled before\n"
    assert heard_again["groups"] == [{"group": "tills", "delivered_again": 2}]
    assert stopped.returncode == 0, stopped.stderr
    assert "tills does not run: it leaves once it does" in later.stderr
    fleet.until("select pence from takings order by 1", [100, 200])
    assert [(row["topic"], row["outbox"]) for row in waiting] == [
        ("shops.sold", 0),
        ("tills.counted", 1),
    ]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("show", "nothing"), 1, "no service knows nothing"),
        (("replay", "nothing"), 1, "no service knows nothing"),
        (("discard", "nothing", "--yes"), 1, "no service knows nothing"),
        (("discard", "--topic", "shops.sold"), 2, "nobody is there to be asked"),
        (("discard",), 2, "not said what to discard"),
        (("replay",), 2, "not said what to replay"),
        (("replay", "--since", "1h"), 2, "not said which topic"),
        (("replay", "--topic", "a.b", "--since", "1h"), 2, "no service knows a.b"),
        (("replay", "--topic", "shops.sald"), 2, "did you mean `shops.sold`?"),
        (("discard", "--topic", "shops.sald"), 2, "did you mean `shops.sold`?"),
        (("discard", "--topic", "a.b", "--yes"), 2, "no service knows a.b"),
        (("parked", "--topic", "a.b"), 2, "no service knows a.b"),
        (
            ("replay", "--topic", "tills.counted", "--since", "1h"),
            1,
            "nobody hears tills.counted",
        ),
        (("replay", "--topic", "shops.sold", "--from", "x"), 2, "no moment and no"),
        (("replay", "--topic", "shops.sold", "--since", "x"), 2, "30s, 5m or 1h"),
        (("parked", "nobody"), 2, "there is no service `nobody`"),
        (("publish", "a.b", "{}"), 2, "no service knows a.b"),
        (("publish", "a.b", "{}", "--service", "tills"), 2, "no service knows a.b"),
        (("publish", "tills.counted", "{}"), 1, "till is not as declared"),
        (("publish", "tills.counted", "@nowhere"), 2, "cannot be read"),
    ],
)
def test_mistake_is_told_in_words(
    fleet: Fleet, words: tuple[str, ...], code: int, says: str
) -> None:
    """What is wrong and a hint, on a fleet that has never run; never a traceback."""
    done = fleet.typed("events", *words)

    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_service_without_events_is_a_wrong_argument(fleet: Fleet) -> None:
    """As one that does not exist: what was typed cannot be meant."""
    front = fleet.root / "services" / "front" / "src" / "front"
    front.mkdir(parents=True)
    (front / "__init__.py").touch()

    named = fleet.typed("events", "parked", "front")
    chosen = fleet.typed("events", "replay", "--all", "--service", "front")
    others = fleet.typed("events", "replay", "--all")

    assert (named.returncode, chosen.returncode, others.returncode) == (2, 2, 0)
    assert "front has no events" in named.stderr
    assert others.stdout == "nothing is parked\n"


def test_what_is_left_of_a_topic_is_known(fleet: Fleet) -> None:
    """A topic that is no longer declared, of which something waits, can be named."""
    started = fleet.typed("up", "--detach", "--no-reload")
    assert started.returncode == 0, started.stderr
    (fleet.folder / "broken").touch()
    fleet.sell(100)
    fleet.until("select count(*) from fleet_parked", [1])
    fleet.typed("down")
    source = fleet.folder / "src" / "tills" / "app.py"
    source.write_text(source.read_text().replace("shops.sold", "shops.bought"))

    gone = fleet.events("discard", "--topic", "shops.sold", "--yes")
    again = fleet.typed("events", "discard", "--topic", "shops.sold", "--yes")

    assert len(gone["services"]["tills"]["discarded"]) == 1
    assert again.returncode == 2
    assert "hint: did you mean `shops.bought`?" in again.stderr


def test_database_that_does_not_answer_hides_no_other_words(fleet: Fleet) -> None:
    """The error names the service and its database; the exit code says so."""
    (fleet.folder / ".env").write_text(
        "DATABASE_URL=postgresql+asyncpg://tills:secret@127.0.0.1:1/tills\n"
    )

    done = fleet.typed("events", "parked", "--json")

    in_words = fleet.typed("events", "parked")

    assert done.returncode == 1
    assert in_words.stdout == "nothing is parked, as far as is known\n"
    assert json.loads(done.stdout) == {"events": []}
    assert "tills: the database cannot be used now" in done.stderr
    assert "secret" not in done.stderr


def test_broker_that_keeps_nothing_has_nothing_come_again(fleet: Fleet) -> None:
    """The error says why and what to do instead; stdout is no empty line."""
    (fleet.folder / ".env").write_text("BROKER_URL=amqp://tills:secret@127.0.0.1:1/\n")

    done = fleet.typed("events", "replay", "--topic", "shops.sold", "--since", "1h")

    assert done.returncode == 1
    assert done.stdout == "nothing comes again\n"
    assert "keeps nothing that was heard" in done.stderr
    assert "hint: replay what is parked" in done.stderr


def test_broker_that_is_away_is_told_beside_the_topics(fleet: Fleet) -> None:
    """`?` has its reason on stderr; what the database says is shown all the same."""
    (fleet.folder / ".env").write_text("BROKER_URL=amqp://tills:secret@127.0.0.1:1/\n")

    done = fleet.typed("events", "topics")

    assert done.returncode == 0
    assert "shops.sold     -      0       tills  ?       0       0" in done.stdout
    assert "? tills: RabbitMQ cannot be reached" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("group", ["events", "faults"])
def test_commands_of_a_group_are_told_in_whole_sentences(group: str) -> None:
    """Where the terminal has eighty columns no summary is cut off."""
    done = subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", group, "--help"],
        env={"PATH": "", "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )

    _, _, commands = done.stdout.partition("Commands:\n")
    assert commands.strip() != ""
    assert "..." not in commands


def test_exit_codes_are_told_by_help(fleet: Fleet) -> None:
    """Who writes a script finds them where the options are."""
    assert "Exit codes: 0 done" in fleet.typed("events", "--help").stdout
    assert "Exit codes: 0 done" in fleet.typed("--help").stdout


def test_documents_are_written_and_held_to_the_code(fleet: Fleet) -> None:
    """`asyncapi` writes once; `--check` notices a change of the events."""
    missing = fleet.typed("events", "asyncapi", "--check")
    written = fleet.events("asyncapi")
    fresh = fleet.typed("events", "asyncapi", "--check")
    source = fleet.folder / "src" / "tills" / "app.py"
    source.write_text(source.read_text().replace("tills.counted", "tills.added"))
    stale = fleet.typed("events", "asyncapi", "--check")

    assert (missing.returncode, fresh.returncode, stale.returncode) == (1, 0, 1)
    assert written == {"stale": ["services/tills/contracts/asyncapi.json"]}
    assert "run `fleet events asyncapi tills`" in stale.stderr
