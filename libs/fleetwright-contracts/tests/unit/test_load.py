"""Files of JSON and YAML, and what can be wrong with them."""

from pathlib import Path

import pytest

from fleetwright_contracts import Unreadable, load, parse

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{name}'] * 9)}]\n"
    for name, after in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_yaml_is_read_as_json_would_be(tmp_path: Path) -> None:
    """Statuses are names, and dates stay texts."""
    file = tmp_path / "api.yaml"
    file.write_text("responses:\n  200: {since: 2024-01-02}\n", encoding="utf-8")

    assert load(file) == {"responses": {"200": {"since": "2024-01-02"}}}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", '{"a": }', "no JSON: Expecting value\n  at a.json:1:7"),
        ("a.json", '{"a": NaN}', "NaN is no JSON number"),
        ("a.yaml", "a: [1\nb: 2", "no YAML: .*\n  at a.yaml:2:"),
        ("a.yaml", "a: !!python/object:os.system {}", "no YAML: could not determine"),
        ("a.yaml", "&a [*a]", "contains itself"),
        ("a.yaml", LAUGHS, "more than 5000000 values"),
        ("a.json", "[" * 900 + "]" * 900, "nested"),
        ("a.json", "[" * 90_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(
    name: str, text: str, words: str
) -> None:
    """File, line and column, where there are any."""
    with pytest.raises(Unreadable) as raised:
        parse(text, name)

    raised.match(words)


def test_missing_binary_and_huge_files_are_told(tmp_path: Path) -> None:
    """The file is named."""
    binary, huge = tmp_path / "b.yaml", tmp_path / "h.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with huge.open("wb") as file:
        file.truncate(65_000_000)

    for path, words in (
        (tmp_path / "none.yaml", "cannot be read: No such file"),
        (binary, "no UTF-8"),
        (huge, "more than 64"),
    ):
        with pytest.raises(Unreadable, match=words) as raised:
            load(path)
        assert path.name in str(raised.value)
