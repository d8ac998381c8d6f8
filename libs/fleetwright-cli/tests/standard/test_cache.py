"""What was read and found once is not read again, and nothing is believed blindly."""

import subprocess
from pathlib import Path

import pytest

from fleetwright_cli.standard import check, open_repository
from fleetwright_cli.standard._facts import Facts


def test_second_run_reads_from_the_cache(tmp_path: Path) -> None:
    """What was parsed once is kept by content, and a broken cache is parsed anew."""
    source = b"import os\nos.getenv('A')\n"
    first = Facts(tmp_path)
    read = first.get("python", source)
    first.keep()
    (kept,) = tmp_path.glob("facts-*.json")

    assert Facts(tmp_path).get("python", source) == read
    for broken in ("{", "[]", '{"p": 1}', kept.read_text("utf-8").replace("[", "{", 0)):
        kept.write_text(broken, "utf-8")
        assert Facts(tmp_path).get("python", source) == read


def test_kept_facts_of_another_shape_are_read_anew(tmp_path: Path) -> None:
    """A cache that somebody wrote misleads nobody into a crash."""
    source = b"import os\n"
    first = Facts(tmp_path)
    read = first.get("python", source)
    first.keep()
    (kept,) = tmp_path.glob("facts-*.json")
    key = kept.read_text("utf-8").split('"')[1]
    kept.write_text(f'{{"{key}": [1, 2]}}', "utf-8")

    assert Facts(tmp_path).get("python", source) == read


def test_many_files_are_read_in_several_processes() -> None:
    """Beside each other they come to the same facts."""
    sources = [f"def f{n}(): pass\n".encode() for n in range(250)]
    beside = Facts(workers=2)

    beside.prepare([("python", one) for one in sources])

    alone = Facts(workers=1)
    for one in sources:
        assert beside.get("python", one) == alone.get("python", one)


def git(root: Path, *words: str) -> None:
    """Have git do something in a folder."""
    subprocess.run(["git", "-C", str(root), *words], check=True)


def found(root: Path) -> set[str]:
    """Return where `.env` files are found, and have the check keep it."""
    report = check(open_repository(root))
    return {one.breach.path for one in report.findings if one.rule.id == "CFG-04"}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Give a repository that was checked once."""
    (tmp_path / "fleet.toml").write_text('[fleet]\nname = "shop"\n', "utf-8")
    (tmp_path / ".gitignore").write_text(".env\n.fleet/\n", "utf-8")
    (tmp_path / ".dockerignore").write_text(".env\n", "utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    assert found(tmp_path) == set()
    return tmp_path


def test_unchanged_files_are_not_looked_at_again(kept: Path) -> None:
    """What the last run found is believed as long as git sees no change."""
    (cache,) = (kept / ".fleet" / "cache").glob("breaches-*.json")
    text = cache.read_text("utf-8")
    row = '["CFG-04", "kept", 1, "from the cache"]'
    cache.write_text(text.replace('"found":[', f'"found":[{row},'), "utf-8")

    assert found(kept) == {"kept"}


@pytest.mark.parametrize("name", [".gitignore", "new.txt"])
def test_changed_files_are(kept: Path, name: str) -> None:
    """A changed line and a new file are seen, in git's index or not."""
    (cache,) = (kept / ".fleet" / "cache").glob("breaches-*.json")
    text = cache.read_text("utf-8")
    row = '["CFG-04", "kept", 1, "from the cache"]'
    cache.write_text(text.replace('"found":[', f'"found":[{row},'), "utf-8")

    (kept / name).write_text("venv/\n.fleet/\n", "utf-8")

    assert "kept" not in found(kept)


def test_content_counts_and_not_only_names(kept: Path) -> None:
    """The same file changed twice is read twice."""
    (kept / ".gitignore").write_text(".fleet/\n", "utf-8")
    assert found(kept) == {".gitignore"}

    (kept / ".gitignore").write_text(".env\n.fleet/\n\n", "utf-8")

    assert found(kept) == set()


def test_cache_that_came_with_the_repository_is_not_believed(kept: Path) -> None:
    """Who commits a cache that finds nothing is checked all the same."""
    (kept / ".env").touch()
    git(kept, "add", "--force", ".env")
    assert found(kept) == {".env"}
    (cache,) = (kept / ".fleet" / "cache").glob("breaches-*.json")
    git(kept, "add", "--force", ".fleet")
    key = open_repository(kept).key
    cache.write_text(f'{{"key": "{key}", "found": []}}', "utf-8")

    assert found(kept) == {".env"}
