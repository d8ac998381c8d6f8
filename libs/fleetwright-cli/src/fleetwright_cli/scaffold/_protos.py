"""Messages and stubs from a `.proto`, with their types."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from fleetwright_cli._errors import FleetError

_OUTPUTS = ("python_out", "grpc_python_out", "mypy_out", "mypy_grpc_out")
_OPTIONS = {"mypy_out": "quiet:", "mypy_grpc_out": "quiet,only_async:"}


def require_compiler() -> None:
    """Refuse to go on where no compiler of `.proto` files is installed.

    Raises:
        FleetError: It is not beside this tool.
    """
    if importlib.util.find_spec("grpc_tools") is None:
        raise FleetError(
            "a gRPC service needs grpcio-tools, which is not installed beside `fleet`",
            where=sys.prefix,
            hint="run the fleet's own `./fleet`: its environment has it",
        )


def compile_protos(library: Path) -> None:
    """Write what is generated from the `.proto` files of a library.

    Args:
        library: Its folder.

    Raises:
        FleetError: One of them cannot be compiled.
    """
    source = library / "src"
    tools = str(Path(sys.executable).parent)
    path = os.pathsep.join((tools, os.environ.get("PATH", "")))
    for proto in sorted(source.rglob("*.proto")):
        words = [sys.executable, "-m", "grpc_tools.protoc", f"-I{source}"]
        words += [f"--{one}={_OPTIONS.get(one, '')}{source}" for one in _OUTPUTS]
        done = subprocess.run(  # noqa: S603 - our own program
            [*words, proto.relative_to(source).as_posix()],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise FleetError(
                f"{proto.name} cannot be compiled",
                where=done.stderr.strip()[:800],
                hint="mend what it says, then run scripts/protos",
            )
