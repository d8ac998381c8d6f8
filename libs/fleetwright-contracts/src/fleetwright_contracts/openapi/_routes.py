"""Which operation answers a request: matched by path, gone, or in another's way."""

import re
from collections.abc import Iterator

from fleetwright_contracts._findings import Severity, Witness
from fleetwright_contracts.openapi._description import Operation
from fleetwright_contracts.openapi._parameters import names_in, takes_text
from fleetwright_contracts.openapi._talk import Talk

_TEMPLATE = re.compile(r"\{[^}]*\}")


def paired(
    old: list[Operation], new: list[Operation]
) -> Iterator[tuple[Operation, Operation | None]]:
    """Yield each old operation with the new one that answers its requests, or None.

    Args:
        old: The operations there were.
        new: The operations there are.
    """
    exact = {(one.method, one.path): one for one in new}
    by_form = {(one.method, form(one.path)): one for one in new}
    for one in old:
        found = exact.get((one.method, one.path))
        yield one, found or by_form.get((one.method, form(one.path)))


def form(path: str) -> str:
    """Return a path without the names of its parameters.

    Args:
        path: The template.
    """
    return _TEMPLATE.sub("{}", path)


def find_shadows(talk: Talk, old: list[Operation], new: list[Operation]) -> None:
    """Find new paths that take requests away from old ones with a parameter.

    Args:
        talk: The conversation.
        old: The operations there were.
        new: The operations there are.
    """
    known = {(one.method, form(one.path)) for one in old}
    for added in new:
        if "{" in added.path or (added.method, added.path) in known:
            continue
        for one in old:
            is_template = one.method == added.method and "{" in one.path
            if is_template and takes_path(talk, one, added.path):
                talk.about(one.name).tell(
                    "path-shadowed",
                    Severity.ERROR,
                    f"`{added.path}` is answered by another operation now",
                    added.place,
                    mend="choose a path that no value of the parameter can be",
                    witness=Witness(f"{added.method} {added.path}"),
                )


def takes_path(talk: Talk, operation: Operation, path: str) -> bool:
    """Return whether a path was a valid request of an operation.

    Args:
        talk: The conversation, on whose asking side the operation is.
        operation: The operation.
        path: The path of a request.
    """
    pattern = "".join(
        "([^/]+)" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^}]*\})", operation.path)
    )
    found = re.fullmatch(pattern, path)
    if found is None:
        return False
    for name, text in zip(names_in(operation.path), found.groups(), strict=True):
        parameter = operation.parameters.get(("path", name))
        schema = parameter and talk.asks.schema(parameter, "schema")
        if schema and not takes_text(talk, schema, text):
            return False
    return True
