"""New templates reach a file around what was edited in it."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetwright_cli._errors import FleetError
from fleetwright_cli.scaffold._merge import apply, changes, three_way
from fleetwright_cli.scaffold._record import Record

OLD = "".join(f"line {number}\n" for number in range(12))
# What Python takes for the end of a line is none for git: left to another test.
LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"))
WORDS = st.text(LETTERS, max_size=20)


def edited(text: str, line: int, word: str) -> str:
    """Return a text with one line of it another."""
    lines = text.splitlines(keepends=True)
    lines[line] = f"{word}\n"
    return "".join(lines)


@settings(max_examples=40, deadline=None)
@given(
    yours=st.integers(0, 11),
    theirs=st.integers(0, 11),
    word=WORDS,
    other=WORDS,
)
def test_an_edit_away_from_what_changed_survives(
    yours: int, theirs: int, word: str, other: str
) -> None:
    """And so does the change; where they touch, nobody's word is dropped."""
    mine, new = edited(OLD, yours, f"mine {word}"), edited(OLD, theirs, f"new {other}")

    merged, is_clean = three_way(mine, OLD, new)

    assert f"mine {word}\n" in merged
    assert f"new {other}\n" in merged
    if abs(yours - theirs) > 1:
        assert is_clean
        assert merged == edited(mine, theirs, f"new {other}")
    if yours == theirs:
        assert not is_clean


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Give the record of a fleet in which one file was scaffolded."""
    (tmp_path / "a").write_text(OLD)
    kept = Record(tmp_path)
    kept.keep_pristine("a", OLD)
    return kept


def brought(
    root: Path, record: Record, fresh: dict[str, str], *, with_markers: bool = False
) -> dict[str, str]:
    """Bring templates to a fleet and return what became of each file."""
    those = changes(root, record.pristine(), fresh)
    list(apply(root, record, those, with_markers=with_markers))
    return {one.path: one.kind for one in those}


def test_a_file_nobody_edited_becomes_the_new_one(
    tmp_path: Path, record: Record
) -> None:
    """And is known as such: a second time there is nothing to do."""
    new = edited(OLD, 3, "new")

    assert brought(tmp_path, record, {"a": new}) == {"a": "updated"}
    assert (tmp_path / "a").read_text() == new
    assert brought(tmp_path, record, {"a": new}) == {}


def test_caches_among_pristine_files_are_none_of_them(
    tmp_path: Path, record: Record
) -> None:
    """A linter that a hook led there keeps its own beside what it read."""
    cache = tmp_path / ".scaffold" / "pristine" / ".ruff_cache" / "1"
    cache.parent.mkdir()
    cache.write_bytes(b"\x8b")

    assert record.pristine() == {"a": OLD}


def test_an_edit_and_a_change_are_both_there(tmp_path: Path, record: Record) -> None:
    """The next upgrade knows the edit as an edit."""
    (tmp_path / "a").write_text(edited(OLD, 9, "mine"))
    new = edited(OLD, 3, "new")

    assert brought(tmp_path, record, {"a": new}) == {"a": "merged"}
    assert (tmp_path / "a").read_text() == edited(new, 9, "mine")
    assert record.pristine() == {"a": new}


def test_a_conflict_leaves_the_file_until_markers_are_asked_for(
    tmp_path: Path, record: Record
) -> None:
    """It is told again each time, then written once, with what all three say."""
    mine = edited(OLD, 3, "mine")
    (tmp_path / "a").write_text(mine)
    new = {"a": edited(OLD, 3, "new")}

    for _ in range(2):
        assert brought(tmp_path, record, new) == {"a": "conflict"}
        assert (tmp_path / "a").read_text() == mine
    brought(tmp_path, record, new, with_markers=True)

    text = (tmp_path / "a").read_text()
    assert "<<<<<<< yours\nmine\n||||||| the template before\nline 3\n=======\n" in text
    assert "new\n>>>>>>> the template now\n" in text
    assert brought(tmp_path, record, new) == {}
    assert not list(tmp_path.rglob("*.rej"))


def test_a_file_that_was_deleted_stays_so(tmp_path: Path, record: Record) -> None:
    """Whoever deleted it knew why."""
    (tmp_path / "a").unlink()

    assert brought(tmp_path, record, {"a": edited(OLD, 3, "new")}) == {"a": "left"}
    assert not (tmp_path / "a").exists()


def test_a_file_the_templates_drop_goes_unless_it_was_edited(
    tmp_path: Path, record: Record
) -> None:
    """What was edited is somebody's own from then on."""
    record.keep_pristine("b", "b\n")
    (tmp_path / "b").write_text("mine\n")

    assert brought(tmp_path, record, {}) == {"a": "removed", "b": "left"}
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["b"]
    assert record.pristine() == {}


def test_a_new_file_does_not_replace_one_that_is_there(
    tmp_path: Path, record: Record
) -> None:
    """Two files of one name are a conflict like any other."""
    (tmp_path / "c").write_text("mine\n")

    found = brought(tmp_path, record, {"a": OLD, "c": "new\n"})

    assert found == {"c": "conflict"}
    assert (tmp_path / "c").read_text() == "mine\n"


def test_a_file_that_is_no_text_is_told(tmp_path: Path, record: Record) -> None:
    """With its path, before anything is written."""
    (tmp_path / "a").write_bytes(b"\xff\xfe")

    with pytest.raises(FleetError) as refused:
        brought(tmp_path, record, {"a": "new\n"})

    assert str(tmp_path / "a") in refused.value.where


def test_lines_of_a_patch_end_where_git_ends_them(
    tmp_path: Path, record: Record
) -> None:
    """A form feed stands amid a line."""
    [change] = changes(tmp_path, record.pristine(), {"a": edited(OLD, 3, "a\fb")})

    assert "\n+a\fb\n" in change.diff


def test_a_patch_can_be_read(tmp_path: Path, record: Record) -> None:
    """As git writes them."""
    [change] = changes(tmp_path, record.pristine(), {"a": edited(OLD, 3, "new")})

    assert change.diff.startswith("--- a/a\n+++ b/a\n@@ -1,7 +1,7 @@\n line 0\n")
    assert "-line 3\n+new\n" in change.diff
