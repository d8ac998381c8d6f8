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
    return ast.unparse(node)[:200]


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
