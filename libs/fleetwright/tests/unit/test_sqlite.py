"""SQLite made safe."""

import asyncio
from pathlib import Path

import pytest

from fleetwright._sqlite import (
    WriterTurn,
    connect,
    in_flight,
    is_safe,
    require_writable,
    sqlite_module,
)
from fleetwright.database import AsyncDatabase
from fleetwright.errors import FleetwrightError


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
    ],
)
def test_only_versions_without_the_wal_reset_bug_are_safe(
    version: tuple[int, ...], safe: bool
) -> None:
    """3.51.3 and later, 3.50.7 and later of 3.50, 3.44.6 and later of 3.44."""
    assert is_safe(version) is safe


def test_the_chosen_module_is_safe() -> None:
    """Whatever the interpreter bundles, files are opened with a mended SQLite."""
    assert is_safe(sqlite_module().sqlite_version_info)


def test_a_file_is_opened_with_wal_full_and_foreign_keys(tmp_path: Path) -> None:
    """The pragmas of every connection are the same and survive a power cut."""
    connection = connect(str(tmp_path / "a.db"))

    pragmas = [
        connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    ]
    connection.close()

    assert pragmas == ["wal", 2, 1]


def test_a_missing_folder_is_told_with_its_mend(tmp_path: Path) -> None:
    """The error names the folder and the command that makes it."""
    with pytest.raises(FleetwrightError, match="mkdir -p"):
        require_writable(str(tmp_path / "nowhere" / "a.db"))


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    """What cannot be written as a database is refused before SQLite sees it."""
    with pytest.raises(FleetwrightError, match="cannot be written"):
        require_writable(str(tmp_path))


def test_a_turn_given_back_can_be_taken_by_another(tmp_path: Path) -> None:
    """The turn is held for the block only."""
    one, two = WriterTurn(str(tmp_path / "a.db")), WriterTurn(str(tmp_path / "a.db"))

    with one.taken():
        pass
    with two.taken():
        pass

    one.close()
    two.close()


async def test_work_in_a_sqlite_thread_counts_as_in_flight() -> None:
    """A loop that jumps over waiting can see that a thread still works."""
    database = AsyncDatabase("sqlite+aiosqlite://")
    checking = asyncio.create_task(database.check())

    seen = []
    while not checking.done():
        seen.append(in_flight())
        await asyncio.sleep(0)
    await database.close()

    assert max(seen) == 1
    assert in_flight() == 0
