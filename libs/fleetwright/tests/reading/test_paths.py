"""A path that a page names in code font is there."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).resolve().parents[4]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(ROOT.glob("services/*/README.md")),
]
FOLDERS = (".ci", ".github", "benchmarks", "docs", "libs", "scripts", "services")
MADE = (".git", ".fleet", "venv", "venv-bench", "node_modules", "__pycache__")
READERS_OWN = {"tills.py", "old.yaml", "new.yaml"}  # what a reader of a guide has
_CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
_PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
_SUFFIX = re.compile(r"\.(?:py|md|toml|ya?ml)$")


def files(folder: Path) -> Iterator[PurePath]:
    """Yield all that is kept below a folder, from the repository's root on."""
    for path in folder.iterdir():
        if path.name not in MADE:
            yield path.relative_to(ROOT)
            if path.is_dir():
                yield from files(path)


def named(page: Path) -> Iterator[str]:
    """Yield the paths of the repository that a page names in code font.

    They begin with a folder of the root, or end as a source or a page does.
    """
    for block, span in _CODE.findall(page.read_text(encoding="utf-8")):
        for word in (block or span).split():
            if _PATH.fullmatch(word) and (
                word.startswith(tuple(f"{folder}/" for folder in FOLDERS))
                or (_SUFFIX.search(word) and not word.startswith(MADE))
            ):
                yield word.rstrip("/.")


def test_code_is_found_in_spans_and_blocks(tmp_path: Path) -> None:
    """The other test of this file looks at something."""
    page = tmp_path / "page.md"
    page.write_text(
        "`.ci/run` of `/v1/x` and\n```sh\nsh scripts/infra up a/b.py\n```\n"
    )

    assert list(named(page)) == [".ci/run", "scripts/infra", "a/b.py"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_on_a_page_is_there(page: Path) -> None:
    """Whoever follows a page finds what it names, from the root or from within."""
    kept = list(files(ROOT))

    dead = {name for name in named(page) if not any(path.match(name) for path in kept)}

    assert dead - READERS_OWN == set()
