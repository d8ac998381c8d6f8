"""Everything fits the eye."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
MODULES = [
    path
    for folder in ("libs", "services")
    for path in sorted((ROOT / folder).glob("*/src/**/*.py"))
    if not path.name.endswith(("_pb2.py", "_pb2_grpc.py"))
]
# What is not delivered is read as well.
BESIDE = [
    path
    for pattern in (
        "libs/*/tests",
        "services/*/tests",
        "tests",
        "benchmarks",
        "scripts",
    )
    for folder in sorted(ROOT.glob(pattern))
    for path in sorted(folder.rglob("*.py"))
]
LONGEST_MODULE_LINES = 400
LONGEST_FUNCTION_LINES = 40
MOST_POSITIONAL = 5


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of the module at `path`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how long a function is, its docstring left out."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 0
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_there_are_modules_to_read() -> None:
    """The other tests of this file look at something."""
    assert len(MODULES) > 50
    assert len(BESIDE) > 200


def test_no_module_passes_400_lines() -> None:
    """Past 400 lines there is a second idea in the module."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*MODULES, *BESIDE]
        if (lines := len(path.read_text(encoding="utf-8").splitlines()))
        > LONGEST_MODULE_LINES
    }

    assert long == {}


def test_no_function_passes_40_lines() -> None:
    """A function is read without scrolling; its docstring does not count."""
    long = {
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}": lines
        for path in MODULES
        for function in functions(path)
        if (lines := body_lines(function)) > LONGEST_FUNCTION_LINES
    }

    assert long == {}


def test_no_signature_has_more_than_five_positional_parameters() -> None:
    """Options are named where they are given; a route's come from the request."""
    wide = []
    for path in MODULES:
        if path.name == "api.py":
            continue
        for function in functions(path):
            names = [arg.arg for arg in function.args.posonlyargs + function.args.args]
            positional = [name for name in names if name not in {"self", "cls"}]
            if len(positional) > MOST_POSITIONAL:
                wide.append(f"{path.relative_to(ROOT)}:{function.lineno}")

    assert wide == []
