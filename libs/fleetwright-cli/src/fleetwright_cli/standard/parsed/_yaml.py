"""YAML to values that know their lines; bounded, and never an object of Python's.

Keys and scalars stay as they are written: `on:` is no boolean here and 3.10 no number.
"""

from typing import Any

import yaml

LARGEST_BYTES = 1_000_000
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Map(dict[str, Any]):
    """A mapping.

    Attributes:
        line: Where it begins.
        lines: Where each key stands.
    """

    def __init__(self, line: int) -> None:
        """Begin empty.

        Args:
            line: Where it begins.
        """
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}

    def line_of(self, key: str) -> int:
        """Return where a key stands; the mapping's own line when it is not there."""
        return self.lines.get(key, self.line)


class YamlProblem(Exception):  # noqa: N818 - a finding, raised to leave the parser
    """The text cannot be read.

    Attributes:
        line: Where, 1 when unknown.
    """

    def __init__(self, reason: str, line: int = 1) -> None:
        """Say why and where."""
        super().__init__(reason)
        self.line = line


def read_yaml(text: str) -> Any:
    """Return the first document as maps, lists, texts, True, False and None.

    Aliases share one value: a "bomb" of nested aliases stays as small as its text.

    Args:
        text: The YAML.

    Raises:
        YamlProblem: It is no YAML, too large, or nested too deeply.
    """
    if len(text) > LARGEST_BYTES:
        raise YamlProblem(f"larger than {LARGEST_BYTES} bytes")
    try:
        node = next(iter(yaml.compose_all(text, Loader=_Loader)), None)
        return None if node is None else _value(node, {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise YamlProblem(reason, mark.line + 1 if mark else 1) from error
    except RecursionError as error:
        raise YamlProblem("nested too deeply") from error


def _value(node: yaml.Node, seen: dict[int, Any]) -> Any:
    """Return a node's value; the same object for the same node."""
    if id(node) in seen:
        return seen[id(node)]
    if isinstance(node, yaml.MappingNode):
        seen[id(node)] = made = Map(node.start_mark.line + 1)
        _fill(made, node, seen)
        return made
    if isinstance(node, yaml.SequenceNode):
        items: list[Any] = []
        seen[id(node)] = items
        items += [_value(one, seen) for one in node.value]
        return items
    return _scalar(node)


def _fill(made: Map, node: yaml.MappingNode, seen: dict[int, Any]) -> None:
    """Fill a mapping; what `<<` brings in gives way to its own keys."""
    merged: list[Any] = []
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.tag == "tag:yaml.org,2002:merge":
            found = _value(value, seen)
            merged += found if isinstance(found, list) else [found]
            continue
        made[key.value] = _value(value, seen)
        made.lines[key.value] = key.start_mark.line + 1
    for one in merged:
        if isinstance(one, Map) and one is not made:
            for name in one.keys() - made.keys():
                made[name] = one[name]
                made.lines[name] = one.lines[name]


def _scalar(node: yaml.Node) -> Any:
    """Return a scalar: null and booleans as such, everything else as written."""
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if node.tag == "tag:yaml.org,2002:bool":
        return str(node.value).lower() in {"true", "yes", "on"}
    return str(node.value)
