"""What a Google-style docstring leaves out.

One line may be enough, says Google's guide: then name and signature tell the rest. A
docstring of several lines has its sections.
"""

import ast
import builtins
import re
from collections.abc import Iterator

_SECTION = re.compile(r"^(Args|Arguments|Returns|Yields|Raises):\s*$", re.MULTILINE)
_ENTRY = re.compile(r"^ {2,8}\*{0,2}(\w+)(?: ?\([^)]*\))?:", re.MULTILINE)
_TELLS = re.compile(r"^(Give|Tell|Say|Answer|Yield)s?\b|\breturns?\b", re.IGNORECASE)
_UNSAID = {"self", "cls", "NotImplementedError"}


def left_out(
    node: ast.FunctionDef | ast.AsyncFunctionDef, docstring: str, raised: list[str]
) -> Iterator[str]:
    """Yield what is missing: `Args: name`, `Returns`, `Raises: Error`.

    Args:
        node: The function.
        docstring: Its docstring, without indentation.
        raised: The errors that its body raises by name.
    """
    if any(map(_registers, node.decorator_list)) or any(
        map(_is_described, _parameters(node))
    ):
        return
    sections = _sections(docstring)
    if not sections and "\n\n" not in docstring:
        return
    arguments = sections.get("Args", sections.get("Arguments", ""))
    described = set(_ENTRY.findall(arguments))
    for one in _parameters(node):
        if one.arg not in described:
            yield f"Args: {one.arg}"
    told = {"Returns", "Yields"} & sections.keys()
    first = docstring.partition("\n")[0]
    if (
        not told
        and not _TELLS.search(first)
        and _gives(node)
        and not _is_property(node)
    ):
        yield "Returns"
    told_of = sections.get("Raises", "")
    for name in dict.fromkeys(raised):
        said = any(one in told_of for one in _kinds_of(name))
        if name[:1].isupper() and not said and name not in _UNSAID:
            yield f"Raises: {name}"


def _sections(docstring: str) -> dict[str, str]:
    """Return the texts of the sections by title."""
    parts = _SECTION.split(docstring)
    return dict(zip(parts[1::2], parts[2::2], strict=False))


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.arg]:
    """Yield the parameters that want a word."""
    found = node.args
    for one in [*found.posonlyargs, *found.args, *found.kwonlyargs]:
        if one.arg not in _UNSAID and not one.arg.startswith("_"):
            yield one


def _is_described(one: ast.arg) -> bool:
    """Return whether `Annotated[..., Option(help="...")]` and its like tell of it."""
    # Nothing else in an annotation is called, and most have nothing to walk through.
    return isinstance(one.annotation, ast.Subscript) and any(
        isinstance(inner, ast.keyword) and inner.arg in {"help", "description"}
        for inner in ast.walk(one.annotation)
    )


def _kinds_of(name: str) -> list[str]:
    """Return an error's name, and what it is by inheritance where Python has it."""
    found = getattr(builtins, name, None)
    if not isinstance(found, type):
        return [name]
    return [one.__name__ for one in found.__mro__ if one not in (object, Exception)]


def _registers(decorator: ast.expr) -> bool:
    """Return whether a framework calls what stands below: `@router.get("/")`.

    What it is given is told where the framework shows it, and not to callers.
    """
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name):
        return False
    return called.value.id not in {"abc", "contextlib", "functools", "typing"}


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether it reads like an attribute, or is entered by `with`."""
    names = {ast.unparse(one).rsplit(".", 1)[-1] for one in node.decorator_list}
    return bool(
        names
        & {
            "property",
            "cached_property",
            "contextmanager",
            "getter",
            "asynccontextmanager",
        }
    )


def _gives(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether the annotation promises a value."""
    said = ast.unparse(node.returns) if node.returns else "None"
    return said not in {"None", "NoReturn", "Never", "Self", "typing.NoReturn"}
