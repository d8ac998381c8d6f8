"""A Python file's text to the facts the rules look at; its code is never run."""

import ast
import warnings
from collections.abc import Callable
from typing import Any

from fleetwright_cli.standard.parsed._docstrings import left_out
from fleetwright_cli.standard.parsed._python import (
    Call,
    Class,
    Field,
    Function,
    Import,
    Python,
)
from fleetwright_cli.standard.parsed._python_texts import (
    attributes,
    constant,
    described,
    source,
    text_below,
    written,
)
from fleetwright_cli.standard.parsed._suppressions import suppressions

_BRANCHES = (
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.match_case,
)
_NO_CHILDREN = frozenset(("ctx", "op", "ops", "kind", "type_comment", "names"))
_Callable = ast.FunctionDef | ast.AsyncFunctionDef


def read_python(content: bytes) -> Python:
    """Return the facts of a Python file.

    Args:
        content: Its bytes, in the encoding that it declares.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        return Python(getattr(error, "msg", "") or str(error), line)
    except (RecursionError, MemoryError):
        return Python("nested too deeply")
    reader = _Reader()
    try:
        reader.see(tree)
    except RecursionError:
        return Python("nested too deeply")
    return Python(
        has_docstring=ast.get_docstring(tree, clean=False) is not None,
        imports=tuple(reader.imports),
        calls=tuple(reader.calls),
        classes=tuple(reader.classes),
        functions=tuple(reader.functions),
        suppressions=tuple(suppressions(content, reader.long_texts)),
        environ=tuple(reader.environ),
        urls=tuple(reader.urls),
        assigned=tuple(reader.assigned),
        dropped=tuple(reader.dropped),
        caught=tuple(reader.caught),
        edges=tuple(reader.edges),
    )


class _Reader:
    """Walks a tree once and notes what the rules ask for.

    Its own walk: `ast.NodeVisitor` takes twice the time, and a hook before each commit
    has little.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self.imports: list[Import] = []
        self.calls: list[Call] = []
        self.classes: list[Class] = []
        self.functions: list[Function] = []
        self.environ: list[int] = []
        self.urls: list[tuple[str, int]] = []
        self.assigned: list[tuple[str, int]] = []
        self.dropped: list[tuple[str, int]] = []
        self.caught: list[tuple[str, int]] = []
        self.edges: list[tuple[str, str, int]] = []
        self.long_texts: list[tuple[int, int]] = []
        self._known: dict[str, str] = {}
        self._around: list[ast.ClassDef | _Callable] = []
        self._guards = 0
        self._tries = 0
        self._ways = 0
        self._raised: list[str] = []
        self._seers: dict[type[ast.AST], Callable[[Any], None]] = {
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
            ast.If: self._if,
            ast.Try: self._try,
            ast.ClassDef: self._class,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.Call: self._called,
            ast.Attribute: self._attribute,
            ast.Name: self._name,
            ast.Assign: self._assign,
            ast.Constant: self._constant,
            ast.Expr: self._expression,
            ast.Raise: self._raise,
            ast.ExceptHandler: self._caught,
            **dict.fromkeys(_BRANCHES, self._branch),
        }

    def see(self, node: ast.AST) -> None:
        """Note a node and what is in it.

        Args:
            node: Any node.
        """
        seer = self._seers.get(node.__class__)
        if seer is None:
            self._inside(node)
        else:
            seer(node)

    def _inside(self, node: ast.AST) -> None:
        """See what is in a node."""
        for name in node._fields:
            if name in _NO_CHILDREN:
                continue
            value = getattr(node, name, None)
            if value.__class__ is list:
                for one in value:
                    if isinstance(one, ast.AST):
                        self.see(one)
            elif isinstance(value, ast.AST):
                self.see(value)

    def _branch(self, node: ast.AST) -> None:
        """Count the way that a node adds, as McCabe and ruff's C901 do."""
        self._ways += 1
        self._inside(node)

    def _import(self, node: ast.Import) -> None:
        """Note `import a.b as c`."""
        for alias in node.names:
            self.imports.append(Import(alias.name, (), node.lineno, self._guards > 0))
            root = alias.name.partition(".")[0]
            self._known[alias.asname or root] = alias.name if alias.asname else root

    def _import_from(self, node: ast.ImportFrom) -> None:
        """Note `from a import b as c`."""
        module = "." * node.level + (node.module or "")
        names = tuple(alias.name for alias in node.names)
        if not node.level:
            self.imports.append(Import(module, names, node.lineno, self._guards > 0))
        for alias in node.names:
            self._known[alias.asname or alias.name] = f"{module}.{alias.name}"

    def _if(self, node: ast.If) -> None:
        """Note that imports for type checkers are guarded."""
        self._ways += 1
        self.see(node.test)
        tested = node.test.id if isinstance(node.test, ast.Name) else ""
        tested = node.test.attr if isinstance(node.test, ast.Attribute) else tested
        self._guarded(node.body, int(tested == "TYPE_CHECKING"))
        for one in node.orelse:
            self.see(one)

    def _try(self, node: ast.Try) -> None:
        """Note that imports that may fail are guarded."""
        caught = [ast.dump(one.type) for one in node.handlers if one.type]
        guarded = any("ImportError" in one or "ModuleNotFound" in one for one in caught)
        outer = self._raised
        # What is raised in here may be caught a few lines below.
        self._raised = [] if node.handlers else outer
        self._tries += bool(node.handlers)
        self._guarded(node.body, int(guarded))
        self._tries -= bool(node.handlers)
        self._raised = outer
        for one in [*node.handlers, *node.orelse, *node.finalbody]:
            self.see(one)

    def _class(self, node: ast.ClassDef) -> None:
        """Note a class with its fields."""
        docstring = ast.get_docstring(node)
        documented = attributes(docstring or "")
        fields: list[Field] = []
        config: dict[str, str] = {}
        for one, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                name = one.target.id
                text = described(one) or text_below(after) or documented.get(name, "")
                fields.append(_field(name, one, text))
            elif isinstance(one, ast.Assign) and _sets(one, "model_config"):
                config = self._call(one.value).keywords
        bases = tuple(self._named(_bare(base)) for base in node.bases)
        public = self._is_public(node.name)
        has_docstring = docstring is not None
        self.classes.append(
            Class(
                node.name,
                node.lineno,
                bases,
                has_docstring,
                public,
                tuple(fields),
                config,
            )
        )
        self._enter(node)

    def _function(self, node: _Callable) -> None:
        """Note a function, and what is in it."""
        public, name = self._is_public(node.name), self._qualified(node.name)
        docstring = ast.get_docstring(node)
        decorators = tuple(
            self._call(one, is_whole=True) for one in node.decorator_list
        )
        around = self._ways, self._raised
        self._ways, self._raised = 1, []
        place = len(self.functions)
        self._enter(node)
        missing = tuple(left_out(node, docstring, self._raised)) if docstring else ()
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        found = Function(
            name,
            node.lineno,
            public,
            isinstance(node, ast.AsyncFunctionDef),
            docstring is not None,
            missing if public else (),
            source(node.returns) if node.returns else "",
            decorators,
            self._ways,
            tuple(source(one.annotation) for one in given if one.annotation),
        )
        self.functions.insert(place, found)
        self._ways, self._raised = around

    def _called(self, node: ast.Call) -> None:
        """Note a call, and whom a client is made for."""
        found = self._call(node)
        self.calls.append(found)
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Name | ast.Attribute):
            if provider := found.keywords.get("provider"):
                self.edges.append((provider, self._named(first), node.lineno))
            if found.name.endswith(".add_task"):
                self.dropped.append((self._named(first), node.lineno))
        self._inside(node)

    def _caught(self, node: ast.ExceptHandler) -> None:
        """Note which errors are caught."""
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        for one in caught:
            name = self._named(one) if one is not None else "Exception"
            self.caught.append((name, node.lineno))
        self._branch(node)

    def _attribute(self, node: ast.Attribute) -> None:
        """Note that `os.environ` is read."""
        if node.attr == "environ" and self._named(node) == "os.environ":
            self.environ.append(node.lineno)
        self.see(node.value)

    def _name(self, node: ast.Name) -> None:
        """Note that an imported `environ` is read."""
        if node.id == "environ" and self._known.get(node.id) == "os.environ":
            self.environ.append(node.lineno)

    def _assign(self, node: ast.Assign) -> None:
        """Note an attribute that is set."""
        for target in node.targets:
            if isinstance(target, ast.Attribute):
                self.assigned.append((self._named(target), node.lineno))
        self._inside(node)

    def _raise(self, node: ast.Raise) -> None:
        """Note the error that is raised by name."""
        if isinstance(node.exc, ast.Call):
            name = self._named(node.exc.func).rsplit(".", 1)[-1]
            self._raised.append(name)
        self._inside(node)

    def _constant(self, node: ast.Constant) -> None:
        """Note a text with an address in it, and where a long text stands."""
        if isinstance(node.value, str):
            if "://" in node.value[:500]:
                self.urls.append((node.value[:200], node.lineno))
            self._long(node)

    def _expression(self, node: ast.Expr) -> None:
        """Leave docstrings alone: an address there is for the reader."""
        if isinstance(node.value, ast.Constant):
            self._long(node.value)
            return
        awaited = node.value.value if isinstance(node.value, ast.Await) else node.value
        # Who catches its failure has taken an answer.
        if isinstance(awaited, ast.Call) and not self._tries:
            name = self._named(awaited.func)
            self.dropped += [(name, node.lineno)] if "." in name else []
        self.see(node.value)

    def _long(self, node: ast.Constant) -> None:
        """Note where a text of several lines stands: a `#` in it begins no comment."""
        if node.end_lineno and node.end_lineno > node.lineno:
            self.long_texts.append((node.lineno, node.end_lineno))

    def _guarded(self, body: list[ast.stmt], guards: int) -> None:
        """See statements whose imports may be guarded."""
        self._guards += guards
        for one in body:
            self.see(one)
        self._guards -= guards

    def _enter(self, node: ast.ClassDef | _Callable) -> None:
        """See what is inside a class or a function."""
        self._around.append(node)
        self._inside(node)
        self._around.pop()

    def _is_public(self, name: str) -> bool:
        """Return whether a name, and all around it, may be used by others."""
        if any(not isinstance(one, ast.ClassDef) for one in self._around):
            return False
        names = [name, *(one.name for one in self._around)]
        return not any(one.startswith("_") for one in names)

    def _qualified(self, name: str) -> str:
        """Return a name with what is around it."""
        return ".".join([*(one.name for one in self._around), name])

    def _named(self, node: ast.expr) -> str:
        """Return a dotted name through the imports; empty for what is no name."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        parts.append(self._known.get(node.id, node.id))
        return ".".join(reversed(parts))

    def _call(self, node: ast.expr, *, is_whole: bool = False) -> Call:
        """Return a call, or a bare name as a call of nothing.

        What a log line is given is of no use to any rule: a mapping is left out unless
        it is asked for as a whole.
        """
        called = node.func if isinstance(node, ast.Call) else node
        arguments = node.args if isinstance(node, ast.Call) else []
        keywords = node.keywords if isinstance(node, ast.Call) else []
        functions = [one for one in self._around if not isinstance(one, ast.ClassDef)]
        return Call(
            self._named(called) or _method(called),
            node.lineno,
            constant(arguments[0]) if arguments else "",
            {
                one.arg: (
                    written(one.value)
                    if is_whole or not isinstance(one.value, ast.Dict)
                    else "{...}"
                )
                for one in keywords
                if one.arg
            },
            ".".join(one.name for one in self._around),
            bool(functions) and isinstance(functions[-1], ast.AsyncFunctionDef),
            tuple(
                self._named(one.func) for one in arguments if isinstance(one, ast.Call)
            ),
        )


def _field(name: str, node: ast.AnnAssign, description: str) -> Field:
    """Return an annotated attribute."""
    default = written(node.value) if node.value else ""
    return Field(name, node.lineno, source(node.annotation), default, description)


def _bare(node: ast.expr) -> ast.expr:
    """Return `Base` of `Base[int]`."""
    return node.value if isinstance(node, ast.Subscript) else node


def _sets(node: ast.Assign, name: str) -> bool:
    """Return whether a name is set to what a call gives."""
    target = node.targets[0]
    is_named = isinstance(target, ast.Name) and target.id == name
    return is_named and isinstance(node.value, ast.Call)


def _method(node: ast.expr) -> str:
    """Return `.get` for a method of what has no name."""
    return f".{node.attr}" if isinstance(node, ast.Attribute) else ""
