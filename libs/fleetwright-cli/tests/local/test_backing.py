"""Which broker and databases a fleet is given, and what is said when they are away."""

import socket
import sys
from io import StringIO
from pathlib import Path

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import discover
from fleetwright_cli.local._backing import (
    Backing,
    backing,
    backing_line,
    read_backing,
    without_password,
)

POSTGRES = "postgresql://me:secret@db.example:5433/postgres?sslmode=require"


def told(folder: Path, manifest: str = "", **environment: str) -> Backing:
    """Return what is used, by fleet.toml and the variables of a command."""
    (folder / "fleet.toml").write_text(f"[fleet]\nname = 'my-shop'\n{manifest}")
    return backing(discover(folder), folder / "data", environment)


def test_without_servers_files_are_used(tmp_path: Path) -> None:
    """The broker is one file, and every service has one of its own."""
    used = told(tmp_path)

    assert used.broker == f"embedded:///{tmp_path}/data/broker.db"
    assert used.database("orders") == f"sqlite+aiosqlite:///{tmp_path}/data/orders.db"
    assert used.facts() == {"broker": "embedded", "databases": "sqlite"}


def test_a_server_keeps_a_database_for_each_service(tmp_path: Path) -> None:
    """User, password and options of the URL stay; the fleet's name comes first."""
    used = told(tmp_path, POSTGRES_URL=POSTGRES)

    url = "postgresql+asyncpg://me:secret@db.example:5433/my_shop_gift_cards"
    assert used.database("gift-cards") == f"{url}?sslmode=require"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("amqp://me:secret@mq.example/shop", "RabbitMQ at mq.example"),
        ("amqps://me:secret@mq.example:5671/", "RabbitMQ at mq.example:5671"),
        ("kafka://one:9092,two:9092", "Kafka at one:9092,two:9092"),
        ("kafka+ssl://me:secret@one:9093?ca=/ca.pem", "Kafka at one:9093"),
        ("embedded:////elsewhere/broker.db", "embedded"),
    ],
)
def test_the_broker_of_the_environment_goes_first(
    tmp_path: Path, url: str, said: str
) -> None:
    """Whatever fleet.toml says; and no password is shown."""
    used = told(tmp_path, "[up]\nbroker = 'kafka'\n", BROKER_URL=url)

    assert used.facts()["broker"] == said
    assert (used.broker == url) == (said != "embedded")


@pytest.mark.parametrize(
    ("manifest", "environment", "message", "hint"),
    [
        ("[up]\nbroker = 'rabbit'", {}, "where rabbit is", "set BROKER_URL"),
        ("[up]\ndatabase = 'postgres'", {}, "where postgres is", "set POSTGRES_URL"),
        ("", {"BROKER_URL": "redis://here"}, "begins with redis:", "amqp://"),
        ("", {"POSTGRES_URL": "mysql://here"}, "begins with mysql:", "postgresql://"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_starts(
    tmp_path: Path,
    manifest: str,
    environment: dict[str, str],
    message: str,
    hint: str,
) -> None:
    """The error names what was asked for, where, and the mend."""
    with pytest.raises(FleetError) as caught:
        told(tmp_path, manifest, **environment)

    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "BROKER_URL" in str(caught.value) or "POSTGRES_URL" in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "scheme", "kind"),
    [
        ("BROKER_URL", "amqp", "RabbitMQ"),
        ("BROKER_URL", "kafka", "Kafka"),
        ("BROKER_URL", "kafka+ssl", "Kafka"),
        ("POSTGRES_URL", "postgresql", "PostgreSQL"),
    ],
)
def test_a_server_that_is_away_is_named(
    tmp_path: Path, variable: str, scheme: str, kind: str
) -> None:
    """With the variable that names it and the command that starts one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"{scheme}://me:secret@127.0.0.1:{port}/"
        told(tmp_path, **{variable: url}).require()

    with pytest.raises(FleetError) as caught:
        told(tmp_path, **{variable: url}).require()

    text = str(caught.value)
    assert f"{kind} does not answer: Connection refused" in text
    assert f"{variable}, 127.0.0.1:{port}" in text
    assert "scripts/infra up" in text
    assert "secret" not in text


def test_databases_that_cannot_be_made_say_why(tmp_path: Path) -> None:
    """In the driver's words and without the password; for files nothing is done."""
    url = "postgresql://me:secret@127.0.0.1:1/postgres"
    told(tmp_path).make_databases(["orders"], Path("/nowhere/python"))

    with pytest.raises(FleetError) as caught:
        told(tmp_path, POSTGRES_URL=url).make_databases(["a"], Path(sys.executable))

    text = str(caught.value)
    assert "POSTGRES_URL, 127.0.0.1:1: " in text
    assert "Connect call failed" in text
    assert "may create databases" in text
    assert "secret" not in text


def test_what_is_used_is_noted_for_other_commands(tmp_path: Path) -> None:
    """`fleet ps` shows it in one line; a run of before, without a note, shows none."""
    note = tmp_path / "backing.json"
    assert read_backing(note) == {}

    told(tmp_path, POSTGRES_URL=POSTGRES).write(note)

    line = backing_line(read_backing(note), StringIO())
    assert line == "broker: embedded, databases: PostgreSQL at db.example:5433"


def test_one_of_several_brokers_that_answers_is_enough(tmp_path: Path) -> None:
    """A cluster is there while one of its nodes is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        url = f"kafka://127.0.0.1:1,127.0.0.1:{port}"
        told(tmp_path, BROKER_URL=url).require()


def test_a_password_is_never_shown() -> None:
    """Everything else of the URL is."""
    shown = without_password(POSTGRES)

    assert shown == POSTGRES.replace("secret", "***")
    assert without_password("sqlite:///a.db") == "sqlite:///a.db"
    of_key = "postgresql://me@db/a?sslkey=/k.pem&sslpassword=secret&sslmode=require"
    assert without_password(of_key) == of_key.replace("secret", "***")
