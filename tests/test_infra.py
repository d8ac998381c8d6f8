"""`scripts/infra`: real servers come up, die, come back with their data, and go."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[1]
INFRA = ROOT / "scripts" / "infra"

Infra = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infra]:
    """Return what runs the command apart from every other use of it."""
    folder = tmp_path_factory.mktemp("infra")
    environment = os.environ | {"FLEET_INFRA_DIR": str(folder)}

    def run(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(INFRA), *words],
            env=environment | more,
            capture_output=True,
            text=True,
            check=False,
        )

    yield run
    for instance in folder.iterdir():
        run("down", "--name", instance.name)
    assert list(folder.iterdir()) == []


def brought_up(infra: Infra, kind: str, name: str, *more: str) -> dict[str, Any]:
    """Bring one server up; return what is told of it."""
    done = infra("up", kind, "--name", name, "--port", "0", "--json", *more)
    if done.returncode == 3 and os.environ.get("FLEET_REQUIRE_SERVERS") != "1":
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)[kind]
    return told


def listening(ports: list[int]) -> list[int]:
    """Return the ports somebody listens on."""
    found = []
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                found.append(port)
    return found


def processes_of(folder: str) -> list[str]:
    """Return the processes whose command line or environment names a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            around = (process / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if folder in words or f"HOME={folder}" in around:
            found.append(words)
    return found


@pytest.mark.parametrize("kind", ["postgres", "rabbit", "kafka"])
def test_a_server_lives_dies_lives_again_and_leaves_nothing(
    infra: Infra, kind: str
) -> None:
    """Up answers, killed does not, started does; down leaves no process or file."""
    told = brought_up(infra, kind, kind)
    named = (kind, "--name", kind)
    assert told["answers"] is True
    assert infra("status", *named).returncode == 0

    assert infra("kill", *named).returncode == 0
    assert infra("status", *named).returncode == 1
    assert listening(told["ports"]) == []

    assert infra("start", *named).returncode == 0
    again = json.loads(infra("status", *named, "--json").stdout)[kind]
    assert (again["url"], again["answers"]) == (told["url"], True)

    assert infra("stop", *named).returncode == 0
    assert listening(told["ports"]) == []
    assert infra("start", *named).returncode == 0

    assert infra("down", *named).returncode == 0
    assert listening(told["ports"]) == []
    assert processes_of(told["folder"]) == []
    assert not Path(told["folder"]).exists()


@pytest.mark.parametrize("kind", ["postgres", "rabbit", "kafka"])
def test_a_server_may_speak_tls_only(infra: Infra, kind: str) -> None:
    """Its URL names who vouches for it, also after it was killed; down removes both."""
    told = brought_up(infra, kind, f"{kind}-tls", "--tls")
    named = (kind, "--name", f"{kind}-tls")
    query = dict(parse_qsl(urlsplit(told["url"]).query))
    [authority] = [Path(value) for value in query.values() if value.endswith(".pem")]

    assert authority.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert infra("kill", *named).returncode == 0
    assert infra("start", *named).returncode == 0
    assert infra("status", *named).returncode == 0
    assert infra("down", *named).returncode == 0
    assert not authority.exists()


def test_what_was_committed_is_there_after_a_kill(infra: Infra) -> None:
    """SIGKILL of the whole server between two commands: the row is there."""
    told = brought_up(infra, "postgres", "kept")
    url = told["url"].replace("+asyncpg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table kept(word text)")
        connection.execute("insert into kept values ('here')")
        assert infra("kill", "--name", "kept").returncode == 0
    assert infra("start", "--name", "kept").returncode == 0
    with psycopg.connect(url) as connection:
        assert connection.execute("select word from kept").fetchall() == [("here",)]


def test_a_paused_server_holds_its_connections(infra: Infra) -> None:
    """Paused it answers nobody and closes nothing; resumed the same session goes on."""
    told = brought_up(infra, "postgres", "paused")
    with psycopg.connect(told["url"].replace("+asyncpg", "")) as connection:
        assert infra("pause", "--name", "paused").returncode == 0
        assert infra("status", "--name", "paused").returncode == 1
        assert infra("resume", "--name", "paused").returncode == 0
        assert connection.execute("select 1").fetchone() == (1,)


def test_two_names_live_side_by_side(infra: Infra) -> None:
    """Each has ports and data of its own; the end of one is not the other's."""
    one, two = (brought_up(infra, "postgres", name) for name in ("one", "two"))
    assert set(one["ports"]).isdisjoint(two["ports"])
    assert infra("down", "--name", "one").returncode == 0
    assert infra("status", "--name", "two").returncode == 0
    absent = infra("status", "--name", "one")
    assert absent.returncode == 1
    assert re.search(r"nothing is up .* one \(there is: .*\btwo\b", absent.stderr)


def test_up_twice_changes_nothing(infra: Infra) -> None:
    """The second finds it up and tells the same."""
    told = brought_up(infra, "postgres", "twice")
    assert brought_up(infra, "postgres", "twice") == told


def test_up_prints_what_a_shell_can_eval(infra: Infra) -> None:
    """Only assignments go to stdout, of tests or of a fleet; they hold the URL."""
    told = brought_up(infra, "postgres", "shell")
    printed = infra("up", "postgres", "--name", "shell").stdout
    command = f'{printed}\nprintf %s "$TEST_POSTGRES_URL"'
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert said.stdout == told["url"]
    printed = infra("up", "postgres", "--name", "shell", "--for", "fleet").stdout
    assert printed == f"export POSTGRES_URL='{told['url']}'\n"


def test_a_port_that_is_taken_is_named(infra: Infra) -> None:
    """Nothing is made, and the message says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = infra("up", "postgres", "--name", "taken", "--port", port)
    assert done.returncode == 1
    assert f"127.0.0.1:{port} is taken" in done.stderr
    assert infra("status", "--name", "taken").returncode == 1


@pytest.mark.parametrize(("kind", "package"), [("kafka", "openjdk-17-jre-headless")])
def test_what_is_missing_is_named(
    infra: Infra, tmp_path: Path, kind: str, package: str
) -> None:
    """Exit code 3 and one line with the package to install."""
    for name in ("sh", "dirname"):
        (tmp_path / name).symlink_to(f"/bin/{name}")
    (tmp_path / "python3").symlink_to(sys.executable)
    done = infra("up", kind, "--name", "missing", PATH=str(tmp_path))
    assert done.returncode == 3
    assert f"apt-get install {package}" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("kill", "rabbit", "--name", "nobody"), 1, "scripts/infra up first"),
        (("up", "--name", "../x"), 1, "is no name"),
        (("up", "oracle"), 2, "oracle"),
        (("up", "--for", "fleet", "--name", "both"), 1, "name rabbit or kafka"),
        (("up", "--port", "80"), 2, "1024 to 65000"),
    ],
)
def test_a_wrong_command_line_says_what_is_right(
    infra: Infra, words: tuple[str, ...], code: int, said: str
) -> None:
    """The code tells which kind of mistake it is, the text the mend."""
    done = infra(*words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert said in done.stderr


def test_ctrl_c_leaves_nothing(infra: Infra, tmp_path: Path) -> None:
    """Interrupted while a server starts: no process and no file is left of it."""
    brought_up(infra, "rabbit", "ready")  # skips where it is not installed
    infra("down", "--name", "ready")
    # Whoever runs the tests in the background has Ctrl-C ignored, children included.
    words = ["env", "--default-signal=INT", str(INFRA), "up", "rabbit"]
    command = [*words, "--name", "cut", "--port", "0"]
    environment = os.environ | {"FLEET_INFRA_DIR": str(tmp_path)}
    folder = tmp_path / "cut" / "rabbit"
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        while not (folder / "process").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert processes_of(str(folder)) == []
    assert list(tmp_path.iterdir()) == []


def test_servers_on_a_leash_end_with_their_process(infra: Infra) -> None:
    """Whoever started them was killed: no process and no file is left of them."""
    with subprocess.Popen(["sleep", "600"]) as owner:
        words = ("--name", "leash", "--port", "0", "--json", "--while", str(owner.pid))
        done = infra("up", "postgres", *words)
        if done.returncode == 3:
            pytest.skip(done.stderr.strip())
        told = json.loads(done.stdout)["postgres"]
        assert told["answers"] is True
        owner.kill()
    until = time.monotonic() + 60
    while Path(told["folder"]).parent.exists() or processes_of(told["folder"]):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert listening(told["ports"]) == []


def test_process_is_not_gone_while_one_of_its_threads_has_a_port(
    tmp_path: Path,
) -> None:
    """Its first thread may end before the others: the port is still taken."""
    waits = (
        "import ctypes, socket, sys, threading\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "threading.Thread(target=server.accept).start()\n"
        "print(server.getsockname()[1], flush=True)\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", waits], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        state = Path(f"/proc/{process.pid}/stat")
        while " Z " not in state.read_text():
            time.sleep(0.01)

        asks = (
            "import sys; from pathlib import Path\n"
            "from infrastructure import processes\n"
            "note = Path(sys.argv[2]); processes.remember(int(sys.argv[1]), note)\n"
            "print(processes.running(note))"
        )
        told = subprocess.run(
            [sys.executable, "-c", asks, str(process.pid), str(tmp_path / "note")],
            env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
            capture_output=True,
            text=True,
            check=True,
        )
        assert listening([port]) == [port]  # which lets the last thread end

    assert told.stdout.strip() == f"[{process.pid}]"
