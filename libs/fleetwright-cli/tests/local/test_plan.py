"""Services become processes."""

from pathlib import Path

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import discover
from fleetwright_cli.local._plan import Plan, needed, plan

PYTHON = Path("/usr/bin/env")


@pytest.fixture(name="root")
def _root(tmp_path: Path) -> Path:
    """A fleet in which storefront calls orders, and orders calls catalog."""
    (tmp_path / "fleet.toml").write_text(
        "[fleet]\nname = 'tiny'\n[up.services.catalog]\nreplicas = 2\n"
        "environment = { LOG_LEVEL = 'DEBUG', PORT = '1' }\n"
    )
    calls = {"catalog": "", "orders": "catalog", "storefront": "orders", "mail": "?"}
    for name, provider in calls.items():
        package = tmp_path / "services" / name / "src" / name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "app.py").write_text(f"add(rest(X, provider='{provider}'))\n")
        (package / "torn.py").write_text("provider='orders' def\n")
    (tmp_path / "services" / "orders" / "src" / "orders" / "migrations").mkdir()
    library = tmp_path / "libs" / "stock"
    library.mkdir(parents=True)
    (library / "pyproject.toml").touch()
    (tmp_path / "services" / "orders" / "requirements.in").write_text(
        "-e ../../libs/stock\n"
    )
    return tmp_path


def planned(root: Path, *names: str) -> Plan:
    """Return the plan of some services, of all when none is named."""
    fleet = discover(root)
    pythons = dict.fromkeys(fleet.services, PYTHON)
    return plan(fleet, needed(fleet, list(names)), pythons)


def test_a_service_without_migrations_gets_no_database(root: Path) -> None:
    """Only a service that keeps data is given a place for it."""
    launches = {launch.name: launch for launch in planned(root).launches}

    assert launches["storefront"].database_url is None
    assert "DATABASE_URL" not in launches["storefront"].environment


def test_a_service_is_planned_with_what_it_calls(root: Path) -> None:
    """`fleet up storefront` brings orders, and catalog that orders calls."""
    launches = planned(root, "storefront").launches

    names = [launch.name for launch in launches]
    assert names == ["catalog", "catalog-2", "orders", "storefront"]
    assert launches[2].needs == {"catalog"}


def test_no_name_means_all_services(root: Path) -> None:
    """The map knows every service with the port of its first replica."""
    made = planned(root)
    made.write_map()

    assert [launch.port for launch in made.launches] == [8000, 8001, 8002, 8003, 8004]
    assert made.urls["mail"] == "http://127.0.0.1:8002"
    assert '"storefront": "http://127.0.0.1:8004"' in made.places.map.read_text()


def test_a_process_gets_working_defaults(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Database, broker, map, host and port; the tool's own variables stay behind."""
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///of-another-program")
    monkeypatch.setenv("TZ", "UTC")

    orders = planned(root).launches[3]

    data = root / ".fleet" / "data"
    assert orders.database_url == f"sqlite+aiosqlite:///{data}/orders.db"
    assert orders.environment["DATABASE_URL"] == orders.database_url
    assert orders.environment["BROKER_URL"] == f"embedded:///{data}/broker.db"
    assert orders.environment["FLEET_MAP"] == str(root / ".fleet/run/map.json")
    assert orders.environment["HOST"] == "127.0.0.1"
    assert orders.environment["PORT"] == "8003"
    assert orders.environment["LOG_FORMAT"] == "json"
    assert orders.environment["TZ"] == "UTC"
    assert "VIRTUAL_ENV" not in orders.environment
    assert orders.argv[1:] == (
        *("-m", "fleetwright.serve", "orders.app:create_app", "--migrate"),
    )


def test_the_settings_of_a_service_win_over_our_defaults(root: Path) -> None:
    """What its `.env` says is not hidden by a variable of ours."""
    file = root / "services" / "orders" / ".env"
    file.write_text("# mine\nexport DATABASE_URL=postgresql://here\nlog_format=json\n")

    orders = planned(root).launches[3]

    assert orders.database_url is None
    assert "DATABASE_URL" not in orders.environment
    assert "LOG_FORMAT" not in orders.environment


def test_the_environment_of_fleet_toml_is_given_but_ports_stay_ours(root: Path) -> None:
    """Host, port and map are what the probes and the neighbours rely on."""
    one, two = planned(root).launches[:2]

    assert one.environment["LOG_LEVEL"] == "DEBUG"
    assert (one.environment["PORT"], two.environment["PORT"]) == ("8000", "8001")
    assert one.database_url == two.database_url
    assert two.service == "catalog"


def test_a_process_is_watched_with_its_libraries(root: Path) -> None:
    """Its sources, its `.env`, and the sources of the libraries it uses."""
    orders = planned(root).launches[3]

    folder = root / "services" / "orders"
    library = root / "libs" / "stock" / "src"
    assert orders.watched == (folder / "src", folder / ".env", library)


def test_a_missing_environment_is_told_before_anything_starts(root: Path) -> None:
    """With the command that makes it."""
    fleet = discover(root)

    with pytest.raises(FleetError, match="catalog has no environment") as caught:
        plan(fleet, needed(fleet, ["catalog"]), {"catalog": root / "gone"})

    assert "fleet up" in caught.value.hint


def test_a_folder_that_cannot_be_written_is_told(root: Path) -> None:
    """The state folder is named."""
    (root / ".fleet").write_text("a file in the way")

    with pytest.raises(FleetError, match="cannot be kept"):
        planned(root)


def test_a_service_that_answers_grpc_gets_a_port_for_it(root: Path) -> None:
    """After all others, so that no port moves; read from its sources, never run."""
    app = root / "services" / "orders" / "src" / "orders" / "app.py"
    app.write_text("from fleetwright.grpc import serve\nraise SystemExit\n")

    made = planned(root)
    made.write_map()

    launches = {launch.name: launch for launch in made.launches}
    assert launches["orders"].grpc_port == 8005
    assert launches["orders"].environment["GRPC_PORT"] == "8005"
    assert launches["storefront"].port == 8004
    assert launches["mail"].grpc_port is None
    assert "GRPC_PORT" not in launches["mail"].environment
    assert '"orders.grpc": "http://127.0.0.1:8005"' in made.places.map.read_text()


def test_state_is_for_its_owner_alone(root: Path) -> None:
    """Databases, the broker and the issuer's key are read by nobody else."""
    places = planned(root).places

    assert {one.stat().st_mode & 0o777 for one in (places.run, places.data)} == {0o700}
