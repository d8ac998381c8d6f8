"""What the rules need to know of a Python file, read once from its syntax tree.

The facts are tuples of texts and numbers: they go through JSON into the cache and back.
"""

from typing import Any, NamedTuple


class Import(NamedTuple):
    """One import.

    Attributes:
        module: The absolute module; relative imports are left out.
        names: What is taken from it; empty for `import module`.
        line: Where.
        is_guarded: Whether it may fail or is for type checkers alone.
    """

    module: str
    names: tuple[str, ...]
    line: int
    is_guarded: bool


class Call(NamedTuple):
    """One call.

    Attributes:
        name: What is called, through the file's imports: `os.getenv`.
        line: Where.
        first: Its first argument, when that is a text.
        keywords: Its keyword arguments; texts as they are, constants as written.
        inside: The function around it, empty at the top.
        is_in_async: Whether the nearest function is a coroutine.
        parts: What its positional arguments call in turn.
    """

    name: str
    line: int
    first: str
    keywords: dict[str, str]
    inside: str
    is_in_async: bool
    parts: tuple[str, ...] = ()


class Field(NamedTuple):
    """One annotated attribute of a class.

    Attributes:
        name: What it is called.
        line: Where.
        annotation: Its type as written.
        default: Its default as written; empty for none.
        description: What is said of it.
    """

    name: str
    line: int
    annotation: str
    default: str
    description: str


class Class(NamedTuple):
    """One class.

    Attributes:
        name: What it is called.
        line: Where.
        bases: What it inherits from, through the file's imports.
        has_docstring: Whether it is documented.
        is_public: Whether others may use it.
        fields: Its annotated attributes.
        config: What `model_config` is given.
    """

    name: str
    line: int
    bases: tuple[str, ...]
    has_docstring: bool
    is_public: bool
    fields: tuple[Field, ...]
    config: dict[str, str]


class Function(NamedTuple):
    """One function or method.

    Attributes:
        name: With its class: `Orders.place`.
        line: Where.
        is_public: Whether others may use it.
        is_async: Whether it is a coroutine.
        has_docstring: Whether it is documented.
        undocumented: What a docstring of several lines leaves out.
        returns: The annotation of what it returns; empty for none.
        decorators: Calls and names above it.
        complexity: Ways through it, as McCabe counts.
        takes: The annotations of its parameters.
    """

    name: str
    line: int
    is_public: bool
    is_async: bool
    has_docstring: bool
    undocumented: tuple[str, ...]
    returns: str
    decorators: tuple[Call, ...]
    complexity: int
    takes: tuple[str, ...]


class Suppression(NamedTuple):
    """A comment that silences a tool.

    Attributes:
        kind: `noqa`, `type: ignore`, `pragma: no cover`, `nosec`.
        line: Where.
        has_code: Whether it says what it silences.
        has_reason: Whether it says why.
    """

    kind: str
    line: int
    has_code: bool
    has_reason: bool


class Python(NamedTuple):
    """One Python file.

    Attributes:
        error: Why it is no Python of this interpreter's; empty when it is.
        error_line: Where.
        has_docstring: Whether the module is documented.
        imports: What it imports.
        calls: What it calls.
        classes: Its classes.
        functions: Its functions and methods.
        suppressions: Its comments that silence a tool.
        environ: Lines that read `os.environ`.
        urls: Texts that hold an address, with their lines.
        assigned: Attributes it sets, as `app.openapi`, with their lines.
        dropped: Calls whose answer nobody takes, with their lines.
        caught: Errors it catches, through the file's imports, with their lines.
        edges: Clients it makes of other services: provider, type, line.
    """

    error: str = ""
    error_line: int = 1
    has_docstring: bool = False
    imports: tuple[Import, ...] = ()
    calls: tuple[Call, ...] = ()
    classes: tuple[Class, ...] = ()
    functions: tuple[Function, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    environ: tuple[int, ...] = ()
    urls: tuple[tuple[str, int], ...] = ()
    assigned: tuple[tuple[str, int], ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()
    caught: tuple[tuple[str, int], ...] = ()
    edges: tuple[tuple[str, str, int], ...] = ()

    @property
    def roots(self) -> dict[str, int]:
        """The top packages it imports without a guard, with their first lines."""
        found: dict[str, int] = {}
        for one in self.imports:
            if not one.is_guarded:
                found.setdefault(one.module.partition(".")[0], one.line)
        return found

    @classmethod
    def load(cls, raw: list[Any]) -> "Python":
        """Return the facts, after they went through JSON."""
        return cls(
            error=raw[0],
            error_line=raw[1],
            has_docstring=raw[2],
            imports=tuple(
                Import(one[0], tuple(one[1]), one[2], one[3]) for one in raw[3]
            ),
            calls=tuple(map(_call, raw[4])),
            classes=tuple(map(_class, raw[5])),
            functions=tuple(map(_function, raw[6])),
            suppressions=tuple(Suppression(*one) for one in raw[7]),
            environ=tuple(raw[8]),
            urls=tuple((text, line) for text, line in raw[9]),
            assigned=tuple((text, line) for text, line in raw[10]),
            dropped=tuple((text, line) for text, line in raw[11]),
            caught=tuple((text, line) for text, line in raw[12]),
            edges=tuple((one[0], one[1], one[2]) for one in raw[13]),
        )


def _call(raw: list[Any]) -> Call:
    """Return one call."""
    return Call(raw[0], raw[1], raw[2], raw[3], raw[4], raw[5], tuple(raw[6]))


def _class(raw: list[Any]) -> Class:
    """Return one class."""
    name, line, bases, has_docstring, is_public, fields, config = raw
    found = tuple(Field(*one) for one in fields)
    return Class(name, line, tuple(bases), has_docstring, is_public, found, config)


def _function(raw: list[Any]) -> Function:
    """Return one function."""
    return Function(
        name=raw[0],
        line=raw[1],
        is_public=raw[2],
        is_async=raw[3],
        has_docstring=raw[4],
        undocumented=tuple(raw[5]),
        returns=raw[6],
        decorators=tuple(map(_call, raw[7])),
        complexity=raw[8],
        takes=tuple(raw[9]),
    )
