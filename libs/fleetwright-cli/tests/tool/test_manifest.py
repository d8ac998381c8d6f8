"""fleet.toml: what is read and what is refused."""

from pathlib import Path

import pytest

from fleetwright_cli._errors import FleetError
from fleetwright_cli.fleet import read_manifest

NAMED = '[fleet]\nname = "shop"\n'


def refusal(root: Path, text: str) -> str:
    """Return what is said about a fleet.toml."""
    (root / "fleet.toml").write_text(text, encoding="utf-8")
    with pytest.raises(FleetError) as refused:
        read_manifest(root)
    return str(refused.value)


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    """A name is all that a fleet must say."""
    (tmp_path / "fleet.toml").write_text(NAMED, encoding="utf-8")

    manifest = read_manifest(tmp_path)

    assert manifest.fleet.services == "services/*"
    assert manifest.up.first_port == 8000
    assert manifest.test.coverage_percent == 80


def test_all_problems_are_named_at_once_each_with_its_mend(tmp_path: Path) -> None:
    """Every problem has its table, its reason and a hint of its own."""
    said = refusal(tmp_path, f"{NAMED}[up]\nconsol_port = 9\nfirst_port = 0\n")

    assert said.splitlines()[0] == "fleet.toml: 2 problems"
    assert "  [up] consol_port is not a setting" in said
    assert "  hint: did you mean `console_port`?" in said
    assert "  [up] first_port = 0: Input should be greater than" in said


def test_unknown_key_of_a_service_is_compared_with_those_of_services(
    tmp_path: Path,
) -> None:
    """Below [up.services.NAME] the hint knows `replicas` and `environment`."""
    said = refusal(tmp_path, f"{NAMED}[up.services.catalog]\nreplica = 2\n")

    assert "[up.services.catalog] replica is not a setting" in said
    assert "did you mean `replicas`?" in said


def test_unknown_table_like_nothing_is_to_be_removed(tmp_path: Path) -> None:
    """Where nothing is close, the hint does not guess."""
    said = refusal(tmp_path, f"{NAMED}[zebra]\nx = 1\n")

    assert "zebra is not a setting" in said
    assert "hint: remove `zebra`" in said


def test_missing_name_and_missing_table_say_what_to_add(tmp_path: Path) -> None:
    """What must be there is named with the place where it goes."""
    assert "hint: add `name` below [fleet]" in refusal(tmp_path, "[fleet]\n")
    assert "hint: add a table `[fleet]`" in refusal(tmp_path, "")


def test_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    """Broken TOML is a place to look at, not a stack of calls."""
    said = refusal(tmp_path, "[fleet]\nname = shop\n")

    assert "is not valid TOML" in said
    assert f"{tmp_path / 'fleet.toml'}:2" in said


def test_file_that_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 get the same three parts as everything else."""
    (tmp_path / "fleet.toml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(FleetError, match="cannot be read") as refused:
        read_manifest(tmp_path)

    assert "UTF-8" in refused.value.hint
