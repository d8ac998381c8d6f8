"""A file to a document: JSON, YAML or protobuf, with the place of what is wrong."""

import json
from pathlib import Path
from typing import Any

import yaml

from fleetwright_contracts._protoc import SETS, SOURCE, DescriptorSet, compiled
from fleetwright_contracts._values import require_tree, values_in
from fleetwright_contracts.errors import Unreadable

MOST_BYTES = 64_000_000
# A few lines of YAML can stand for more values than fit into memory.
_MOST_VALUES = 5_000_000
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.CSafeLoader):
    """Reads YAML as JSON would be: dates stay texts."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML looks for it on the class
        sign: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for sign, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


def load(path: str | Path) -> Any:
    """Return the document of a file.

    Args:
        path: The file; `.json` is read as JSON, `.proto` is compiled, `.binpb` (or
            `.pb`, `.protoset`, `.fds`) is a set of descriptors, all else is YAML.

    Raises:
        Unreadable: There is no such file, or it is broken, endless or far too large.
    """
    file = Path(path)
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise Unreadable(
                f"the file has {size / 1e6:.0f} MB, more than {MOST_BYTES / 1e6:.0f}",
                where=str(file),
            )
        if file.suffix == SOURCE:
            return compiled(file.resolve())
        if file.suffix in SETS:
            return DescriptorSet(str(file), file.read_bytes())
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        hint = "save it as UTF-8"
        raise Unreadable("the file is no UTF-8", where=str(file), hint=hint) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unreadable(f"cannot be read: {reason}", where=str(file)) from error
    return parse(text, str(file))


def parse(text: str, name: str) -> Any:
    """Return the document of a text.

    Args:
        text: JSON or YAML.
        name: What to call it in errors; `.json` is read as JSON.

    Raises:
        Unreadable: It is broken, contains itself, or stands for too many values.
    """
    try:
        found = _json(text) if name.endswith(".json") else _yaml(text)
        if values_in(found, most=_MOST_VALUES) is None:
            require_tree(found)
            _require_small(found)
    except json.JSONDecodeError as error:
        where = f"{name}:{error.lineno}:{error.colno}"
        raise Unreadable(f"this is no JSON: {error.msg}", where=where) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        problem = getattr(error, "problem", None) or "it is broken"
        raise Unreadable(f"this is no YAML: {problem}", where=where) from error
    except RecursionError as error:
        raise Unreadable("it is nested too deeply", where=name) from error
    except Unreadable as error:
        raise Unreadable(error.message, where=name, hint=error.hint) from error
    return found


def _json(text: str) -> Any:
    """Return the document of a JSON text."""

    def refuse(constant: str) -> Any:
        raise Unreadable(f"{constant} is no JSON number")

    return json.loads(text, parse_constant=refuse)


def _yaml(text: str) -> Any:
    """Return the document of a YAML text, its names as texts."""
    return _with_text_names(yaml.load(text, _Loader), {})  # noqa: S506 - a safe one


def _with_text_names(value: Any, seen: dict[int, Any]) -> Any:
    """Return a value whose objects have texts as names: a status is written as 200."""
    if not isinstance(value, dict | list):
        return value
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, list):
        listed: list[Any] = []
        seen[id(value)] = listed
        listed += [_with_text_names(one, seen) for one in value]
        return listed
    table: dict[str, Any] = {}
    seen[id(value)] = table
    for name, one in value.items():
        table[_text(name)] = _with_text_names(one, seen)
    return table


def _text(name: object) -> str:
    """Return a name as JSON would write it."""
    return name if isinstance(name, str) else json.dumps(name, default=str)


def _require_small(document: Any) -> None:
    """Refuse what stands for more values than can be looked at."""
    sizes: dict[int, int] = {}
    waiting: list[tuple[Any, bool]] = [(document, True)]
    while waiting:
        value, entering = waiting.pop()
        if not isinstance(value, dict | list) or (entering and id(value) in sizes):
            continue
        inner = list(value.values() if isinstance(value, dict) else value)
        if entering:
            waiting.append((value, False))
            waiting += [(one, True) for one in inner]
        else:
            sizes[id(value)] = 1 + sum(sizes.get(id(one), 1) for one in inner)
            if sizes[id(value)] > _MOST_VALUES:
                raise Unreadable(f"it stands for more than {_MOST_VALUES} values")
