"""Every change of a file of protobuf breaks what it is said to break, and no more."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from protobuf.changes import OTHERWISE, SAME, Row
from protobuf.generated import GENERATED

from fleetwright_contracts import Finding, Severity, Unreadable, compare, load
from fleetwright_contracts._protoc import DescriptorSet

protoc = pytest.importorskip("grpc_tools.protoc")

ROWS = SAME + OTHERWISE + GENERATED
PROMISES = ["wire", "wire-json", "source"]
GIVEN = Path(str(files("grpc_tools"))) / "_proto"
Compile = Callable[[str], DescriptorSet]


@pytest.fixture
def compiled(tmp_path: Path) -> Compile:
    """Give a compiler that needs no process of its own."""

    def call(text: str) -> DescriptorSet:
        source, made = tmp_path / "a.proto", tmp_path / "a.binpb"
        source.write_text(text, encoding="utf-8")
        words = [f"-I{tmp_path}", f"-I{GIVEN}", f"--descriptor_set_out={made}"]
        words += ["--include_imports", str(source)]
        assert protoc.main(["protoc", "--include_source_info", *words]) == 0
        return DescriptorSet("a.binpb", made.read_bytes())

    return call


def file(body: str, syntax: str = "proto3") -> str:
    """Return a whole file."""
    word = "syntax" if syntax.startswith("proto") else "edition"
    return f'{word} = "{syntax}"; package shop; {body}'


def errors(findings: list[Finding]) -> list[str]:
    """Return the rules that were broken."""
    return [one.rule for one in findings if one.severity is Severity.ERROR]


def test_there_are_at_least_40_pairs() -> None:
    """The table is as large as it is said to be."""
    assert len(SAME) >= 40


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_change_breaks_what_it_breaks(row: Row, compiled: Compile) -> None:
    """Under the first promise that is broken, and under those that include it."""
    old = compiled(file(row.old, row.syntax))
    new = compiled(file(row.new, row.now or row.syntax))
    from_here = PROMISES.index(row.breaks) if row.breaks else len(PROMISES)

    for place, promise in enumerate(PROMISES):
        found = errors(compare(old, new, promise=promise))
        if place < from_here:
            assert found == [], promise
        else:
            assert row.rule in found, promise


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_stays_breaks_nothing(row: Row, compiled: Compile) -> None:
    """A file fits itself."""
    for text, syntax in ((row.old, row.syntax), (row.new, row.now or row.syntax)):
        made = compiled(file(text, syntax))

        assert compare(made, made, promise="source") == []


@pytest.mark.parametrize(
    ("old", "new", "value", "read"),
    [
        ("string x = 1;", "int32 x = 1;", {"x": "a"}, {}),
        ("bytes x = 1;", "string x = 1;", {"x": "/w=="}, "refused"),
        ("repeated int32 x = 1;", "int32 x = 1;", {"x": [1]}, {}),
        ("int32 x = 1;", "", {"x": 1}, {}),
        (
            "int32 x = 1; int32 y = 2;",
            "oneof o { int32 x = 1; int32 y = 2; }",
            {"x": 1, "y": 1},
            {"y": 1},
        ),
    ],
)
def test_message_is_shown_as_it_is_written_and_read(
    old: str, new: str, value: object, read: object, compiled: Compile
) -> None:
    """What is shown was written and read by protobuf itself."""
    before, now = (f"message A {{ {text} }}" for text in (old, new))

    findings = compare(compiled(file(before)), compiled(file(now)))

    assert findings[0].witness is not None
    shown = findings[0].witness.value
    assert shown["value"] == value
    assert read == shown["read as"] or str(shown["read as"]).startswith(str(read))


def test_values_that_are_cut_are_told_where_types_go_together(
    compiled: Compile,
) -> None:
    """On the wire 64 bits fit into 32, but for those that do not."""
    old, new = (
        compiled(file(f"message A {{ {kind} x = 1; }}")) for kind in ("int64", "int32")
    )

    (there,) = compare(old, new, promise="wire")
    (back,) = compare(new, old, promise="wire")

    assert (there.severity, back.severity) == (Severity.WARNING, Severity.NOTE)
    assert there.witness is not None
    assert there.witness.value["value"] == {"x": "1099511627776"}


def test_lacking_required_field_is_shown(compiled: Compile) -> None:
    """Who requires it refuses the message of who does not know it."""
    old, new = (
        compiled(file(f"message A {{ {text} }}", "proto2"))
        for text in ("", "required int32 x = 1;")
    )

    (finding,) = compare(old, new)

    assert finding.witness is not None
    assert finding.witness.value["read as"] == "refused: x is missing"


def test_file_that_was_handed_over_may_be_called_otherwise(tmp_path: Path) -> None:
    """Two versions may lie side by side; their packages are compared all the same."""
    for name, package in (("old", "shop"), ("new", "shop"), ("other", "store")):
        text = file("message A {}").replace("shop", package)
        (tmp_path / f"{name}.proto").write_text(text, encoding="utf-8")
    old, new, other = (
        load(tmp_path / f"{name}.proto") for name in ("old", "new", "other")
    )

    fits = compare(old, new, promise="source")
    broken = compare(old, other, promise="wire")

    assert fits == []
    assert errors(broken) == ["package-changed"]


def test_what_moves_to_another_file_is_imported_from_there_no_longer(
    tmp_path: Path,
) -> None:
    """Files of a set are known by their names; what they declare has its place."""
    texts = {
        "old": {"a": "message A {}", "b": 'import "a.proto"; message B { A a = 1; }'},
        "new": {"a": "", "b": "message A {} message B { A a = 1; }"},
        "one": {"b": "message A {} message B { A a = 1; }"},
    }
    found = {}
    for version, parts in texts.items():
        folder = tmp_path / version
        folder.mkdir()
        for name, text in parts.items():
            (folder / f"{name}.proto").write_text(file(text), encoding="utf-8")
        words = [f"-I{folder}", f"--descriptor_set_out={folder / 'all.binpb'}"]
        words += [str(folder / f"{name}.proto") for name in parts]
        assert protoc.main(["protoc", *words]) == 0
        found[version] = load(folder / "all.binpb")

    moved = compare(found["old"], found["new"], promise="source")
    gone = compare(found["old"], found["one"], promise="source")

    assert errors(moved) == ["declaration-moved"]
    assert sorted(errors(gone)) == ["declaration-moved", "file-removed"]
    assert compare(found["old"], found["one"]) == []


def test_package_is_part_of_every_name(compiled: Compile) -> None:
    """A file whose package changes keeps none of its names."""
    text = file("message A {}")

    findings = compare(compiled(text), compiled(text.replace("shop", "store")))

    assert errors(findings) == ["package-changed"]


def test_recursion_through_other_names_ends(compiled: Compile) -> None:
    """Messages of other names that contain one another are compared once a pair."""
    old = "message A { A a = 1; int32 x = 2; } message R { A a = 1; }"
    new = "message C { D a = 1; int32 x = 2; } message D { C a = 1; int32 x = 2; } "

    fits = compare(
        compiled(file(old)),
        compiled(file(new + "message R { C a = 1; }")),
        promise="wire",
    )

    assert fits == []


def test_files_of_source_are_compiled_with_what_they_import(tmp_path: Path) -> None:
    """The root is where the imports are found; lines are those of the source."""
    for version, kind in (("old", "int32"), ("new", "string")):
        folder = tmp_path / version / "shop"
        folder.mkdir(parents=True)
        item = f'syntax = "proto3";\npackage shop;\nmessage I {{\n  {kind} x = 1;\n}}\n'
        (folder / "item.proto").write_text(item, encoding="utf-8")
        order = file('import "shop/item.proto"; message O { I i = 1; }')
        (folder / "order.proto").write_text(order, encoding="utf-8")

    old, new = (load(tmp_path / one / "shop" / "order.proto") for one in ("old", "new"))

    (finding,) = compare(old, new)
    assert (finding.where, finding.line) == ("shop.I.x", 4)


def test_broken_source_is_told_with_its_place(tmp_path: Path) -> None:
    """File, line and column, as the compiler says them."""
    broken = tmp_path / "a.proto"
    broken.write_text('syntax = "proto3";\nmessage {', encoding="utf-8")

    with pytest.raises(
        Unreadable, match=r"Expected message name.*\n  at .*a.proto:2:9"
    ):
        load(broken)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xff\xff", "no set of descriptors"),
        (b"", "the set has no files"),
        (b"\n\x10\n\x07a.proto\x1a\x05b.bin", "a.proto cannot be used"),
    ],
)
def test_what_is_no_set_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    """The file is named."""
    path = tmp_path / "a.binpb"
    path.write_bytes(content)

    with pytest.raises(Unreadable, match=words) as raised:
        compare(load(path), load(path))

    assert "a.binpb" in str(raised.value)
