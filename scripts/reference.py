"""Writes what is read off the code: api.txt and the pages of docs/reference/.

venv/bin/python scripts/reference.py            write them
venv/bin/python scripts/reference.py --check    exit 1 when one of them is stale
"""

import ast
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "libs" / "fleetwright" / "src" / "fleetwright"
NOTE = "Written from the code by `scripts/reference.py`; do not edit.\n"


def public_modules() -> list[str]:
    """Return the dotted names of the runtime's public modules, sorted."""
    package = importlib.import_module("fleetwright")
    names = ["fleetwright"]
    for found in pkgutil.walk_packages(package.__path__, "fleetwright."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            names.append(found.name)
    return sorted(names)


def public_names() -> dict[str, object]:
    """Return every public name of the runtime, `module.name`, with its object."""
    found: dict[str, object] = {}
    for module_name in public_modules():
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", ()):
            found[f"{module_name}.{name}"] = getattr(module, name)
    return found


def first_line(thing: object) -> str:
    """Return the first line of a docstring, or an empty text."""
    return (inspect.getdoc(thing) or "").split("\n", 1)[0]


def api_text() -> str:
    """Return api.txt: one public name a line with the shape of its call."""
    lines = []
    for name, thing in public_names().items():
        try:
            shape = str(inspect.signature(thing)) if callable(thing) else ""
        except (TypeError, ValueError):
            shape = ""
        lines.append(f"{name}{shape}")
    return "\n".join(sorted(lines)) + "\n"


def api_page() -> str:
    """Return the page of all public names, a table a module."""
    rows: dict[str, list[str]] = {}
    for name, thing in public_names().items():
        module, _, short = name.rpartition(".")
        rows.setdefault(module, []).append(f"| `{short}` | {first_line(thing)} |")
    text = ["# The runtime's public names\n", NOTE]
    for module, lines in rows.items():
        text += [f"## `{module}`\n", first_line(importlib.import_module(module)) + "\n"]
        text += ["| name | what it is |", "|---|---|", *lines, ""]
    return "\n".join(text)


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Yield each module of the runtime with its syntax tree."""
    for path in sorted(RUNTIME.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def error_classes() -> set[str]:
    """Return the names of the runtime's own exceptions that carry a mend."""
    errors = importlib.import_module("fleetwright.errors")
    base = errors.FleetwrightError
    known = {
        name
        for name, thing in vars(errors).items()
        if inspect.isclass(thing) and issubclass(thing, base)
    }
    return known


def template(node: ast.expr | None) -> str:
    """Return the text of a literal or an f-string, its holes as `{...}`."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(template(part) for part in parts)
        case ast.FormattedValue(value=value):
            return "{" + ast.unparse(value) + "}"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return template(left) + template(right)
        case None:
            return ""
        case _:
            return "{" + ast.unparse(node) + "}"


def raised() -> list[tuple[str, str, str, str]]:
    """Return (module, class, text, hint) of each error the runtime makes."""
    classes = error_classes()
    found = []
    for path, tree in sources():
        where = str(path.relative_to(RUNTIME.parent))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in classes and node.args:
                named = {word.arg: word.value for word in node.keywords}
                text, hint = template(node.args[0]), template(named.get("hint"))
                found.append((where, name, text, hint))
    return sorted(set(found))


def errors_page() -> str:
    """Return the page of error texts, each with its mend."""
    text = ["# Errors and their mends\n", NOTE]
    module = ""
    for where, name, message, hint in raised():
        if where != module:
            module = where
            text.append(f"## `{where}`\n")
        text += ["```text", f"{name}: {message}"]
        text += [f"hint: {hint}"] if hint else []
        text += ["```", ""]
    return "\n".join(text)


def settings_page() -> str:
    """Return the page of settings that every service has."""
    from fleetwright import Settings

    text = ["# Settings of every service\n", NOTE]
    text += ["| variable | type | default |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        kind = getattr(field.annotation, "__name__", str(field.annotation))
        text.append(f"| `{name.upper()}` | {kind} | `{field.default}` |")
    text += ["", inspect.getdoc(Settings) or "", ""]
    return "\n".join(text)


def declared_event(declaration: ast.ClassDef) -> tuple[str, str] | None:
    """Return event and level of a class that says its `words` and its `level`."""
    said = {
        ast.unparse(line.target): line.value.value
        for line in declaration.body
        if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Constant)
    }
    if "words" in said and "level" in said:
        return str(said["words"]), str(said["level"])
    return None


def log_events_page() -> str:
    """Return the page of log events the runtime writes."""
    found: set[tuple[str, str, str]] = set()
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and (declared := declared_event(node)):
                found.add((*declared, str(path.relative_to(RUNTIME.parent))))
            if not isinstance(node, ast.Call) or not node.args:
                continue
            level = ast.unparse(node.func).rpartition(".")[2]
            event = node.args[0]
            if level not in {"debug", "info", "warning", "error", "exception"}:
                continue
            if isinstance(event, ast.Constant) and isinstance(event.value, str):
                where = str(path.relative_to(RUNTIME.parent))
                found.add((event.value, level, where))
    text = ["# Log events of the runtime\n", NOTE]
    text += ["| event | level | written by |", "|---|---|---|"]
    text += [
        f"| `{event}` | {level} | `{where}` |" for event, level, where in sorted(found)
    ]
    return "\n".join([*text, ""])


def metrics_page() -> str:
    """Return the page of metrics the runtime makes."""
    found: set[tuple[str, str, str, str]] = set()
    for _, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            kind = ast.unparse(node.func).rpartition(".")[2]
            if not kind.startswith("create_"):
                continue
            named = {word.arg: word.value for word in node.keywords}
            name, unit = template(node.args[0]), template(named.get("unit"))
            if unit:
                what = template(named.get("description"))
                found.add((name, kind.removeprefix("create_"), unit, what))
    text = ["# Metrics of the runtime\n", NOTE]
    text += ["| metric | kind | unit | what |", "|---|---|---|---|"]
    text += [
        f"| `{name}` | {kind.replace('_', ' ')} | `{unit}` | {what} |"
        for name, kind, unit, what in sorted(found)
    ]
    return "\n".join([*text, ""])


def pages() -> dict[Path, str]:
    """Return what each written file should hold."""
    reference = ROOT / "docs" / "reference"
    return {
        ROOT / "libs" / "fleetwright" / "api.txt": api_text(),
        reference / "api.md": api_page(),
        reference / "errors.md": errors_page(),
        reference / "settings.md": settings_page(),
        reference / "log-events.md": log_events_page(),
        reference / "metrics.md": metrics_page(),
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name those that are stale.

    Args:
        arguments: The words after the program's name.

    Returns:
        0 when all is fresh or written, 1 when `--check` found a stale file.
    """
    stale = [
        (path, text)
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    if stale and "--check" in arguments:
        sys.stderr.write("hint: run `venv/bin/python scripts/reference.py`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
