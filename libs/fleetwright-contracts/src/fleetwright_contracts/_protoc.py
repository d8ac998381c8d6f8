"""Files of protobuf to a set of descriptors: source is compiled, a set is taken."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from fleetwright_contracts.errors import Unreadable

SOURCE = ".proto"
SETS = (".binpb", ".pb", ".protoset", ".fds")
_SECONDS = 60
_IMPORT = re.compile(r'(?:^|;)\s*import\s+(?:public\s+|weak\s+)?"([^"]+)"', re.M)
_GIVEN = "google/protobuf/"
_PLACE = re.compile(r"^(?P<file>.*?):(?P<line>\d+):(?P<column>\d+): (?P<problem>.*)$")


@dataclass(frozen=True, slots=True)
class DescriptorSet:
    """A `FileDescriptorSet` as it is carried.

    Attributes:
        name: The file it came from.
        content: The set, serialized.
    """

    name: str
    content: bytes


def compiled(file: Path) -> DescriptorSet:
    """Return the descriptors of a file of source, with all it imports.

    Args:
        file: The file.

    Raises:
        Unreadable: It is broken, or there is no compiler.
    """
    if find_spec("grpc_tools") is None:
        raise Unreadable(
            "a file of protobuf needs grpcio-tools to be compiled",
            where=str(file),
            hint="install `fleetwright-contracts[protobuf]`, or hand over a set of "
            "descriptors (.binpb)",
        )
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "all.binpb"
        root = _root(file)
        words = [sys.executable, "-m", "grpc_tools.protoc", f"-I{root}"]
        words += [f"--descriptor_set_out={made}", "--include_imports"]
        words += ["--include_source_info", str(file.relative_to(root))]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter
                words, cwd=root, capture_output=True, text=True, timeout=_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            message = f"compiling took more than {_SECONDS} s"
            raise Unreadable(message, where=str(file)) from error
        if done.returncode != 0 or not made.is_file():
            raise _broken(file, done.stderr)
        return DescriptorSet(str(file), made.read_bytes())


def _root(file: Path) -> Path:
    """Return the nearest folder from which all imports of a file are found."""
    wanted = [name for name in _imports(file) if not name.startswith(_GIVEN)]
    for folder in file.parents:
        if all((folder / name).is_file() for name in wanted):
            return folder
    return file.parent


def _imports(file: Path) -> Iterator[str]:
    """Yield what a file imports."""
    text = file.read_text(encoding="utf-8", errors="replace")
    for found in _IMPORT.finditer(text):
        yield found.group(1)


def _broken(file: Path, said: str) -> Unreadable:
    """Return the compiler's first complaint, with its place."""
    lines = [line for line in said.splitlines() if line.strip()]
    for line in lines:
        found = _PLACE.match(line)
        if found is not None and "warning" not in found["problem"]:
            where = f"{file.parent / found['file']}:{found['line']}:{found['column']}"
            return Unreadable(f"this is no protobuf: {found['problem']}", where=where)
    problem = lines[0] if lines else "the compiler says nothing"
    return Unreadable(f"this is no protobuf: {problem}", where=str(file))
