"""A provider's name to its URL."""

import json
from pathlib import Path

import pytest

from fleetwright._address import address
from fleetwright.errors import SettingsError


def test_variable_of_the_provider_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`CATALOG_URL` wins over the map; a slash at the end is dropped."""
    map_file = tmp_path / "map.json"
    map_file.write_text(json.dumps({"catalog": "http://127.0.0.1:1"}))
    monkeypatch.setenv("FLEET_MAP", str(map_file))
    monkeypatch.setenv("CATALOG_URL", "http://catalog.example/base/")

    assert address("catalog") == "http://catalog.example/base"


def test_map_of_the_fleet_is_read_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A fleet that starts again may sit on other ports."""
    map_file = tmp_path / "map.json"
    monkeypatch.setenv("FLEET_MAP", str(map_file))
    map_file.write_text('{"stock-room": "http://127.0.0.1:1"}')
    first = address("stock-room")
    map_file.write_text('{"stock-room": "http://127.0.0.1:2"}')

    assert (first, address("stock-room")) == (
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
    )


def test_address_may_stand_in_dotenv(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`.env` of the working directory is read as for settings."""
    (tmp_path / ".env").write_text("STOCK_ROOM_URL=http://127.0.0.1:3\n")
    monkeypatch.chdir(tmp_path)

    assert address("stock-room") == "http://127.0.0.1:3"


def test_unknown_provider_is_told_with_the_variable_to_set() -> None:
    """The mend can be typed."""
    with pytest.raises(SettingsError) as caught:
        address("catalog")

    assert str(caught.value) == (
        "nobody says where 'catalog' answers\n"
        "  CATALOG_URL is not set and neither is FLEET_MAP\n"
        "hint: set CATALOG_URL=http://127.0.0.1:8000, or start the fleet: ./fleet up"
    )


@pytest.mark.parametrize(
    "url", ["catalog:8000", "ftp://catalog", "http://", "http://c?x"]
)
def test_what_is_no_url_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The error names the variable that holds it."""
    monkeypatch.setenv("CATALOG_URL", url)

    with pytest.raises(SettingsError, match="CATALOG_URL="):
        address("catalog")


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "cannot be read"), ("[]", "not an object"), ("{}", "nobody")],
)
def test_map_that_cannot_help_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, why: str
) -> None:
    """A broken map and a map without the provider are told apart."""
    map_file = tmp_path / "map.json"
    map_file.write_text(text)
    monkeypatch.setenv("FLEET_MAP", str(map_file))

    with pytest.raises(SettingsError, match=why):
        address("catalog")


def test_names_are_host_names_where_a_pattern_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a cluster; variable and map still go before it."""
    map_file = tmp_path / "map.json"
    map_file.write_text('{"catalog": "http://127.0.0.1:1"}')
    monkeypatch.setenv("FLEET_MAP", str(map_file))
    monkeypatch.setenv("FLEET_DNS", "http://{name}.shop.svc:8000/")
    monkeypatch.setenv("FLEET_DNS_GRPC", "http://{name}:9000")

    assert address("catalog") == "http://127.0.0.1:1"
    assert address("stock-room") == "http://stock-room.shop.svc:8000"
    assert address("stock", kind="grpc") == "http://stock:9000"


@pytest.mark.parametrize(
    ("pattern", "provider"),
    [
        ("http://name:8000", "stock"),
        ("http://{name}:{name}", "stock"),
        ("http://{name}:8000", "stock.evil.example"),
        ("http://{name}:8000", "evil.example/"),
        ("http://{name}:8000", "-stock"),
    ],
)
def test_pattern_or_name_that_makes_no_host_is_refused(
    monkeypatch: pytest.MonkeyPatch, pattern: str, provider: str
) -> None:
    """A name cannot lead out of the pattern."""
    monkeypatch.setenv("FLEET_DNS", pattern)

    with pytest.raises(SettingsError, match="has no host name by this pattern"):
        address(provider)
