"""Documents as YAML that people read: block style, in the order they were made."""

from collections.abc import Iterable
from typing import Any

import yaml

WIDTH = 88


class _Dumper(yaml.SafeDumper):
    """Indents what is in a list, and repeats what is there twice."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent, below a key as well."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        """Write no `&` and `*`: a reader of one object needs no other."""
        return True


def written(documents: Iterable[Any], head: str = "") -> str:
    """Return documents as one text.

    Args:
        documents: Plain values.
        head: Comment lines above, without their marks.
    """
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    return comment + "---\n".join(
        yaml.dump(one, Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
        for one in documents
    )
