"""Texts out of a syntax tree: constants, defaults, what is said of a field."""

import ast
import re


def constant(node: ast.expr) -> str:
    """Return a constant text, `f"..."` for one that is put together, or nothing.

    Args:
        node: An expression.
    """
    if isinstance(node, ast.JoinedStr):
        return 'f"..."'
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value[:200]
    return ""


def written(node: ast.expr) -> str:
    """Return an expression as text: constants without quotes, long ones cut.

    Args:
        node: An expression.
    """
    if isinstance(node, ast.Constant):
        return str(node.value)[:200]
    return source(node)[:200]


def source(node: ast.expr) -> str:
    """Return an expression as it would be written: what `ast.unparse` says, sooner.

    Args:
        node: An expression; names and subscripts of names, as most types are, take a
            tenth of the time.
    """
    return _simple(node) or ast.unparse(node)


def _simple(node: ast.expr) -> str:
    """Return a name, a subscript of names or a union of them; empty for all else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant) and node.value is None:
        return "None"
    if isinstance(node, ast.Attribute):
        before = _simple(node.value)
        return f"{before}.{node.attr}" if before else ""
    if isinstance(node, ast.Subscript):
        return _subscript(node)
    return ""


def _subscript(node: ast.Subscript) -> str:
    """Return `a[b, c]`; empty where one of them is more than a name."""
    inside = node.slice
    items = inside.elts if isinstance(inside, ast.Tuple) else [inside]
    parts = [_simple(one) for one in (node.value, *items)]
    # `a[b,]` and `a[()]` are tuples as well.
    if not all(parts) or (isinstance(inside, ast.Tuple) and len(items) < 2):
        return ""
    return f"{parts[0]}[{', '.join(parts[1:])}]"


def described(node: ast.AnnAssign) -> str:
    """Return the description that a `Field(...)` gives, in the default or the type.

    Args:
        node: An annotated attribute.
    """
    for root in (node.value, node.annotation):
        for one in ast.walk(root) if root else ():
            if isinstance(one, ast.keyword) and one.arg == "description":
                return constant(one.value) or "computed"
    return ""


def text_below(node: ast.stmt | None) -> str:
    """Return the text that stands alone below an attribute.

    Args:
        node: What follows the attribute.
    """
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return constant(node.value)
    return ""


def attributes(docstring: str) -> dict[str, str]:
    """Return what the section `Attributes:` says, by name.

    Args:
        docstring: The docstring of a class.
    """
    _, found, section = docstring.partition("Attributes:\n")
    entry = r"^ {4}(\w+)(?: \([^)]*\))?: (.+(?:\n {6,}\S.*)*)$"
    said = re.findall(entry, section, re.MULTILINE) if found else []
    return {name: " ".join(text.split()) for name, text in said}
