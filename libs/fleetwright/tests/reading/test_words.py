"""Names say what the thing is."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
EMPTY_WORDS = {
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "manager",
    "base",
    "misc",
    "core",
    "handler",
    "processor",
}


def words(name: str) -> set[str]:
    """Return the lower-case words of a snake_case or CamelCase name."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_words_are_split_at_case_and_underscore() -> None:
    """The law of the next test sees `LoadManager` and `load_manager` alike."""
    assert words("LoadManager") == words("load_manager") == {"load", "manager"}


def test_no_name_is_made_of_an_empty_word() -> None:
    """No module, class or function is called util, helper, manager and the like."""
    empty = []
    for path in sorted((ROOT / "libs").glob("*/src/**/*.py")):
        if words(path.stem) & EMPTY_WORDS:
            empty.append(str(path.relative_to(ROOT)))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            if isinstance(node, named) and words(node.name) & EMPTY_WORDS:
                empty.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")

    assert empty == []
