"""What is locked and known to be weak, by advisories in the form of OSV."""

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.advisories import read_advisories

if TYPE_CHECKING:
    from tool.conftest import Shop

# As osv.dev writes them: ranges, a list of versions, two packages, a withdrawn one.
STARLETTE: dict[str, Any] = {
    "id": "GHSA-7f5h-v6xp-fcq8",
    "aliases": ["CVE-2025-62727"],
    "modified": "2026-02-04T03:11:06Z",
    "summary": "Starlette: O(n^2) by ranges in FileResponse",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Starlette"},
            "ranges": [
                {
                    "type": "ECOSYSTEM",
                    "events": [{"introduced": "0.39.0"}, {"fixed": "0.49.1"}],
                },
                {"type": "GIT", "events": [{"introduced": "0"}]},
            ],
        },
        {
            "package": {"ecosystem": "npm", "name": "six"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
        },
    ],
}
LISTED: dict[str, Any] = {
    "id": "PYSEC-2026-1",
    "modified": "2026-03-01T00:00:00Z",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "zope.interface"},
            "versions": ["5.0rc1", "5.0"],
        }
    ],
}
LAST: dict[str, Any] = {
    "id": "PYSEC-2026-2",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "iniconfig"},
            "ranges": [
                {
                    "type": "ECOSYSTEM",
                    "events": [{"last_affected": "1.1"}, {"introduced": "0"}],
                }
            ],
        }
    ],
}
WITHDRAWN = LAST | {"id": "PYSEC-2026-3", "withdrawn": "2026-01-02T00:00:00Z"}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Give an export of all of them."""
    file = tmp_path / "all.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for one in (STARLETTE, LISTED, LAST, WITHDRAWN):
            archive.writestr(f"{one['id']}.json", json.dumps(one))
    return file


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("starlette", "0.39.0", ["GHSA-7f5h-v6xp-fcq8"]),
        ("starlette", "0.49.0", ["GHSA-7f5h-v6xp-fcq8"]),
        ("starlette", "0.49.1", []),
        ("starlette", "0.39.0rc1", []),
        ("zope-interface", "5.0rc1", ["PYSEC-2026-1"]),
        ("zope.interface", "5.0", ["PYSEC-2026-1"]),
        ("zope-interface", "5.1", []),
        ("iniconfig", "0.9", ["PYSEC-2026-2"]),
        ("iniconfig", "1.1", ["PYSEC-2026-2"]),
        ("iniconfig", "1.1.1", []),
        ("six", "1.0", []),
    ],
)
def test_pin_is_weak_within_a_range_or_a_list(
    export: Path, name: str, version: str, expected: list[str]
) -> None:
    """Borders count as OSV says; other ecosystems and what is withdrawn do not."""
    known = read_advisories(export)

    assert [one.id for one in known.about({name: version})] == expected
    assert known.newest == "2026-03-01T00:00:00Z"


def test_folder_is_read_like_a_zip(tmp_path: Path) -> None:
    """What is told of a weak pin: what it is, and which version has it no more."""
    (tmp_path / "a.json").write_text(json.dumps(STARLETTE))

    (found,) = read_advisories(tmp_path).about({"starlette": "0.40.0"})

    assert str(found) == (
        "starlette 0.40.0: GHSA-7f5h-v6xp-fcq8, CVE-2025-62727: Starlette: O(n^2) by"
        " ranges in FileResponse (fixed in 0.49.1)"
    )


@pytest.mark.parametrize("kind", ["missing", "no zip", "empty", "no advisory"])
def test_without_advisories_nothing_is_audited(tmp_path: Path, kind: str) -> None:
    """Silence would pass for safety."""
    place = tmp_path / "all.zip"
    if kind == "no zip":
        place.write_text("x")
    elif kind != "missing":
        with zipfile.ZipFile(place, "w") as archive:
            if kind == "no advisory":
                archive.writestr("a.json", "[]")

    with pytest.raises(FleetError, match="not audited"):
        read_advisories(place)


def test_weak_lock_fails_until_it_is_excepted(shop: "Shop", export: Path) -> None:
    """By its id or by what others call it; without advisories it fails, too."""
    shop.add_service("orders", "starlette\n")
    shop.write("services/orders/requirements.txt", "starlette==0.40.0\n")
    shop.write("services/orders/requirements.in", "starlette\n")

    weak = shop.fleet("lock", "orders", "--audit", "--advisories", str(export))
    words = ("lock", "orders", "--audit", "--except", "CVE-2025-62727", "--json")
    excepted = shop.fleet(*words, "--advisories", str(export))
    unknown = shop.fleet("lock", "orders", "--audit")

    assert weak.code == 1
    assert "1 weak, by advisories up to 2026-03-01" in weak.out
    assert excepted.code == 0
    assert excepted.document["weak"][0]["excepted"] is True
    assert unknown.code == 1
    assert "not audited" in unknown.err
