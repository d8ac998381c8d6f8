"""Takes out of an environment what no running service reads.

Run by path while an image is built (`python3 _trim.py /opt/venv`): only the standard
library. Wheels ship compiled modules with symbols and tables of sections, often most of
their size; the loader reads none of them, it goes by the program headers. Beside them
lie the sources they were compiled from, and tests.
"""

import shutil
import struct
import sys
from pathlib import Path

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")  # of ELF, 64 bits, little-endian
_SEGMENT = struct.Struct("<IIQQQQQQ")
_MAGIC = b"\x7fELF\x02\x01"
_SHARED = 3
_SOURCES = frozenset((".c", ".cc", ".cpp", ".pxd", ".pyx"))
_TESTS = ("**/tests", "**/sqlalchemy/testing", "**/alembic/testing")


def trim(path: Path) -> int:
    """Cut a compiled module where its last segment ends.

    Args:
        path: Where it is; a file of another kind is left alone.

    Returns:
        How many bytes were cut.
    """
    content = path.read_bytes()
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        return 0
    fields = list(_HEADER.unpack_from(content))
    kind, segments_at, segment_bytes, count = (
        fields[1],
        fields[5],
        fields[9],
        fields[10],
    )
    if kind != _SHARED or segment_bytes != _SEGMENT.size:
        return 0
    end: int = segments_at + count * segment_bytes
    for number in range(count):
        segment = _SEGMENT.unpack_from(content, segments_at + number * segment_bytes)
        end = max(end, segment[2] + segment[5])
    if end >= len(content):
        return 0
    fields[6] = fields[11] = fields[12] = fields[13] = 0  # no table of sections
    path.write_bytes(_HEADER.pack(*fields) + content[_HEADER.size : end])
    return len(content) - end


def clear(folder: Path) -> int:
    """Delete tests, and the sources of compiled modules.

    Args:
        folder: Of an environment.

    Returns:
        How many files are gone.
    """
    tests = [path for pattern in _TESTS for path in folder.glob(pattern)]
    found = {one for path in tests for one in path.rglob("*") if one.is_file()}
    found |= {one for one in folder.rglob("*") if one.suffix in _SOURCES}
    for path in tests:
        shutil.rmtree(path, ignore_errors=True)  # one may have lain within another
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def main(folder: str) -> None:
    """Trim an environment and say how much that was.

    Args:
        folder: Where it is.
    """
    gone = clear(Path(folder))
    modules = [one for one in Path(folder).rglob("*.so*") if not one.is_symlink()]
    cut = sum(trim(one) for one in modules if one.is_file())
    sys.stdout.write(
        f"{cut // 1_000_000} MB cut from {len(modules)} modules, {gone} files deleted\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
