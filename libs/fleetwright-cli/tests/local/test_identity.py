"""The issuer of a fleet: planned with it, asked by `fleet token`."""

import base64
import json
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import discover
from fleetwright_cli.local._launch import Launch
from fleetwright_cli.local._plan import Plan, needed, plan

PYTHON = Path("/usr/bin/env")


@pytest.fixture(name="root")
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fleet of orders, which verifies tokens, and mail, which does not."""
    (tmp_path / "fleet.toml").write_text("[fleet]\nname = 'tiny'\n")
    for name in ("mail", "orders"):
        package = tmp_path / "services" / name / "src" / name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
    lock = tmp_path / "services" / "orders" / "requirements.txt"
    lock.write_text("aiohttp==3\npyjwt==2.15.1 \\\n    --hash=x\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(root: Path) -> Plan:
    """Return the plan of all services."""
    fleet = discover(root)
    return plan(fleet, needed(fleet, None), dict.fromkeys(fleet.services, PYTHON))


def launches(made: Plan) -> dict[str, Launch]:
    """Return the processes by name."""
    return {launch.name: launch for launch in made.launches}


def test_fleet_that_verifies_tokens_gets_an_issuer(root: Path) -> None:
    """After all others, in the environment of a service that verifies; stopped last."""
    made = planned(root)

    issuer = launches(made)["issuer"]
    assert list(launches(made)) == ["mail", "orders", "issuer"]
    assert issuer.argv == (str(PYTHON), "-m", "fleetwright.issuer")
    assert issuer.environment["ENVIRONMENT"] == "development"
    assert (issuer.port, made.urls["issuer"]) == (8002, "http://127.0.0.1:8002")
    assert launches(made)["mail"].needs == {"issuer"}


def test_each_service_is_told_its_own_secret_and_no_other(root: Path) -> None:
    """The issuer has them all, in a file for its owner alone."""
    made = planned(root)
    made.write_map()

    file = root / ".fleet" / "run" / "clients.json"
    secrets = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(secrets) == {"mail", "orders", "fleet"}
    assert len(set(secrets.values())) == 3
    for name in ("mail", "orders"):
        environment = launches(made)[name].environment
        assert environment["TOKEN_CLIENT_SECRET"] == secrets[name]
        assert environment["AUTH_ISSUER"] == "http://127.0.0.1:8002"
        assert not set(secrets.values()) - {secrets[name]} & set(environment.values())
    given = launches(made)["issuer"].environment
    assert given["ISSUER_CLIENTS_FILE"] == str(file)
    assert not set(secrets.values()) & set(given.values())


def test_secrets_are_new_in_every_run(root: Path) -> None:
    """What leaked from one run opens nothing in the next."""
    first, second = planned(root).identity, planned(root).identity

    assert first is not None
    assert second is not None
    assert not set(first.clients.values()) & set(second.clients.values())


def test_service_may_name_an_issuer_of_its_own(root: Path) -> None:
    """What its `.env` says is not hidden by ours."""
    (root / "services" / "orders" / ".env").write_text("AUTH_ISSUER=https://ours\n")

    environment = launches(planned(root))["orders"].environment

    assert "AUTH_ISSUER" not in environment
    assert environment["TOKEN_URL"] == "http://127.0.0.1:8002/token"


def test_fleet_without_tokens_has_no_issuer(root: Path) -> None:
    """Nothing is started that nobody asks."""
    (root / "services" / "orders" / "requirements.txt").write_text("aiohttp==3\n")

    made = planned(root)

    assert list(launches(made)) == ["mail", "orders"]
    assert made.identity is None
    assert "AUTH_ISSUER" not in launches(made)["orders"].environment


def test_fleet_may_bring_an_issuer_of_its_own(root: Path) -> None:
    """A service of that name is the fleet's, and ours stands back."""
    package = root / "services" / "issuer" / "src" / "issuer"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()

    made = planned(root)

    assert made.identity is None
    assert launches(made)["issuer"].argv[2] == "fleetwright.serve"


def test_callers_of_the_manifest_are_told_to_the_callee(root: Path) -> None:
    """The callee checks them; one that is not named there is told nothing."""
    manifest = root / "fleet.toml"
    manifest.write_text(
        "[fleet]\nname = 'tiny'\n[callers]\norders = ['mail', 'shop']\n"
    )

    made = launches(planned(root))

    assert made["orders"].environment["AUTH_CALLERS"] == "mail,shop"
    assert "AUTH_CALLERS" not in made["mail"].environment


def test_callers_of_a_service_that_is_none_are_an_error(root: Path) -> None:
    """A slip in a name must not leave a service open."""
    (root / "fleet.toml").write_text(
        "[fleet]\nname = 'tiny'\n[callers]\norder = ['mail']\n"
    )

    with pytest.raises(FleetError, match="no service 'order'") as refused:
        planned(root)

    assert "did you mean `orders`?" in str(refused.value.hint)


class Asked(BaseHTTPRequestHandler):
    """Notes what is asked for and answers like an issuer."""

    forms: list[dict[str, str]] = []  # noqa: RUF012 - one server a test
    clients: list[str] = []  # noqa: RUF012

    def do_POST(self) -> None:
        """Answer with a token, or refuse an unknown audience."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body))
        pair = self.headers["Authorization"].removeprefix("Basic ")
        self.forms.append(form)
        self.clients.append(base64.b64decode(pair).decode())
        known = form["audience"] == "orders"
        answer = {"access_token": "a.b.c", "expires_in": 300} if known else {}
        self.send_response(200 if known else 400)
        self.end_headers()
        refusal = {"detail": "audience is no service of this fleet"}
        self.wfile.write(json.dumps(answer or refusal).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def issuer(root: Path) -> Iterator[type[Asked]]:
    """Give what a running issuer is asked, its address in the fleet's map."""
    Asked.forms.clear()
    Asked.clients.clear()
    server = HTTPServer(("127.0.0.1", 0), Asked)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    run = root / ".fleet" / "run"
    run.mkdir(parents=True)
    url = f"http://127.0.0.1:{server.server_port}"
    (run / "map.json").write_text(json.dumps({"issuer": url}))
    (run / "clients.json").write_text(json.dumps({"fleet": "s3cret"}))
    yield Asked
    server.shutdown()
    thread.join()
    server.server_close()


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `fleet token` as a process in the working directory."""
    return subprocess.run(
        [sys.executable, "-m", "fleetwright_cli", "token", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_token_is_printed_alone(issuer: type[Asked]) -> None:
    """So that it can stand in a command; who, what and whom for are told apart."""
    done = typed(
        *("orders", "--as", "ada", "--role", "clerk"),
        *("--scope", "orders:read", "--scope", "orders:write"),
    )

    assert (done.returncode, done.stdout) == (0, "a.b.c\n")
    assert issuer.clients == ["fleet:s3cret"]
    assert issuer.forms == [
        {
            "grant_type": "client_credentials",
            "audience": "orders",
            "subject": "ada",
            "scope": "orders:read orders:write",
            "roles": "clerk",
        }
    ]


def test_refusal_of_the_issuer_is_told_with_a_mend(issuer: type[Asked]) -> None:
    """A service that is none is found by its name."""
    done = typed("vault")

    assert done.returncode == 1
    assert "audience is no service of this fleet" in done.stderr
    assert "hint: name a service of this fleet" in done.stderr
    assert "Traceback" not in done.stderr


def test_issuer_that_is_away_is_told(root: Path, issuer: type[Asked]) -> None:
    """The fleet is down: its map is still there."""
    run = root / ".fleet" / "run"
    (run / "map.json").write_text(json.dumps({"issuer": "http://127.0.0.1:1"}))

    done = typed("orders")

    assert done.returncode == 1
    assert "the issuer does not answer" in done.stderr


def test_fleet_that_never_ran_has_no_tokens(root: Path) -> None:
    """The mend is to start it."""
    done = typed("orders")

    assert done.returncode == 1
    assert "no issuer has run here" in done.stderr
    assert "hint: start the fleet with `fleet up`" in done.stderr
