"""Parameters: what is sent as text in a path, a query, a header or a cookie."""

import json
import re
from collections.abc import Iterator
from typing import Any

from fleetwright_contracts._findings import Severity, Witness
from fleetwright_contracts._judgement import Judgement, Side, Verdict
from fleetwright_contracts._values import ANY_KIND, Kind
from fleetwright_contracts.openapi._description import Operation
from fleetwright_contracts.openapi._talk import Talk
from fleetwright_contracts.schemas import AS_WRITTEN, DRAFT_2020, Place, Places

_TEMPLATE = re.compile(r"\{([^}]*)\}")
# What a number and a boolean look like on the wire, and which kinds they are.
_ON_THE_WIRE: tuple[tuple[Kind, dict[str, Any]], ...] = (
    (
        Kind.NUMBER,
        {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"},
    ),
    (Kind.BOOLEAN, {"enum": ["true", "false"]}),
)
_ONE = ANY_KIND & ~Kind.ARRAY & ~Kind.OBJECT


def compare_parameters(talk: Talk, asked: Operation, answered: Operation) -> None:
    """Find what changed in the parameters of an operation.

    Args:
        talk: The conversation.
        asked: The operation as requests are made.
        answered: The operation as they are answered.
    """
    sent = asked.parameters
    renamed = dict(zip(names_in(asked.path), names_in(answered.path), strict=False))
    known: set[tuple[str, str]] = set()
    for (kind, name), place in sent.items():
        key = (kind, renamed.get(name, name) if kind == "path" else name)
        known.add(key)
        read = answered.parameters.get(key)
        if read is None:
            moved = _moved(asked, answered, name)
            if moved is not None and kind != "path":
                talk.tell(
                    "parameter-moved",
                    Severity.ERROR,
                    f"{kind} parameter `{name}` is read from the {moved[0]} now",
                    answered.parameters[moved],
                    mend=f"go on reading it from the {kind}, too",
                )
            elif kind != "path":
                talk.tell(
                    "parameter-ignored",
                    Severity.WARNING,
                    f"{kind} parameter `{name}` is no longer read",
                    place,
                )
            continue
        part = talk.about(f"{talk.where} {kind} parameter `{name}`")
        _compare_one(part, place, read, is_path=kind == "path")
    for key, read in answered.parameters.items():
        if key not in known and read.schema.get("required") and key[0] != "path":
            talk.tell(
                "parameter-required",
                Severity.ERROR,
                f"{key[0]} parameter `{key[1]}` is required, and nobody sends it",
                read,
                mend=f"make `{key[1]}` optional, with a default",
            )


def _moved(asked: Operation, answered: Operation, name: str) -> tuple[str, str] | None:
    """Return where a parameter of that name is read now; None where it is not."""
    for key in answered.parameters:
        if key[1].lower() == name.lower() and key not in asked.parameters:
            return key
    return None


def names_in(path: str) -> list[str]:
    """Return the names of the parameters in a path, in order.

    Args:
        path: The template.
    """
    return _TEMPLATE.findall(path)


def _compare_one(talk: Talk, sent: Place, read: Place, *, is_path: bool) -> None:
    """Compare one parameter."""
    if read.schema.get("required") and not sent.schema.get("required") and not is_path:
        talk.tell(
            "parameter-required",
            Severity.ERROR,
            "it is required, and was optional",
            read,
            mend="keep it optional, with a default",
        )
    one, other = _schema(talk.asks, sent), _schema(talk.answers, read)
    if one is None or other is None:
        if one is not None or other is not None:
            found = one or other or read
            talk.tell("parameter-form", Severity.UNKNOWN, "its form changed", found)
        return
    if _media_type(sent) != _media_type(read):
        talk.tell("parameter-form", Severity.UNKNOWN, "its form changed", other)
        return
    _compare_said(talk, sent, read, (one, other))
    if _style(sent) != _style(read) and _is_composite(talk, one):
        talk.tell(
            "parameter-style",
            Severity.ERROR,
            f"it is written as {_style(read)[0]}, and was {_style(sent)[0]}",
            read,
            mend="keep `style` and `explode`",
        )
        return
    if _media_type(read) is None:
        judgement = _judged(talk, one, other, is_exploded=_style(read)[1])
    else:
        judgement = talk.request_fits(one, other)
    message = "a value that was allowed is refused"
    mend = "allow again what was allowed"
    talk.report(judgement, "parameter-narrowed", message, other, mend)


# What a reader is told about texts, beside the schema of their values.
_LENIENT = ("allowReserved", "allowEmptyValue")


def _compare_said(
    talk: Talk, sent: Place, read: Place, schemas: tuple[Place, Place]
) -> None:
    """Compare what is said of a parameter beside the values it may have."""
    for keyword in _LENIENT:
        if sent.schema.get(keyword) is True and read.schema.get(keyword) is not True:
            talk.tell(
                "parameter-encoding-unknown",
                Severity.UNKNOWN,
                f"it is not known whether a value is refused without `{keyword}`",
                read,
                mend=f"keep `{keyword}`",
            )
    if read.schema.get("deprecated") is True and not sent.schema.get("deprecated"):
        talk.tell("deprecated", Severity.NOTE, "it is deprecated now", read)
    one, other = talk.asks.target(schemas[0]), talk.answers.target(schemas[1])
    before, now = (
        it.schema.get("default") if isinstance(it.schema, dict) else None
        for it in (one, other)
    )
    if before is not None and before != now and not read.schema.get("required"):
        talk.tell(
            "parameter-default-changed",
            Severity.WARNING,
            f"who leaves it out got {json.dumps(before)}, and gets "
            f"{'nothing' if now is None else json.dumps(now)}",
            other,
            mend="keep the default",
        )


def _media_type(parameter: Place) -> str | None:
    """Return the media type in which a parameter is written; None for a plain text."""
    content = parameter.schema.get("content")
    return next(iter(content), None) if isinstance(content, dict) else None


def _schema(description: Any, parameter: Place) -> Place | None:
    """Return the schema of a parameter."""
    found: Place | None = description.schema(parameter, "schema")
    if found is None:
        for media_type in description.table(parameter, "content"):
            found = description.schema(parameter, "content", media_type, "schema")
    return found


def _style(parameter: Place) -> tuple[str, bool]:
    """Return how lists and objects are written, and whether as several parameters."""
    said = parameter.schema
    usual = "form" if said.get("in") in ("query", "cookie") else "simple"
    style = str(said.get("style") or usual)
    return style, bool(said.get("explode", style == "form"))


def _is_composite(talk: Talk, schema: Place) -> bool:
    """Return whether values may be lists or objects."""
    reader = talk.asks.document.reader
    kinds = reader.shapes.kinds(reader.shape(schema, AS_WRITTEN))
    return bool(kinds & (Kind.ARRAY | Kind.OBJECT))


def _judged(talk: Talk, sent: Place, read: Place, *, is_exploded: bool) -> Judgement:
    """Compare two schemas of what travels as text.

    A number is a text on the wire: a reader of any text takes it.
    """
    judgement = talk.request_fits(sent, read)
    if judgement.verdict is Verdict.FITS:
        return judgement
    kinds = ANY_KIND
    for kind in _taken_as_text(talk, read):
        kinds &= ~kind
    judgement = talk.request_fits(sent, read, kinds=kinds)
    if judgement.verdict is not Verdict.BREAKS or not is_exploded:
        return judgement
    items = talk.answers.schema(talk.answers.target(read), "items")
    if items is None or talk.answers.target(read).schema.get("minItems", 0) > 1:
        return judgement
    # One value is a list of one where lists are written as several parameters.
    several = talk.request_fits(sent, read, kinds=kinds & ~_ONE)
    if several.verdict is not Verdict.FITS:
        return several
    return talk.request_fits(sent, items, kinds=kinds & _ONE)


def _taken_as_text(talk: Talk, read: Place) -> Iterator[Kind]:
    """Yield the kinds of which every value is taken in the form it has on the wire."""
    for kind, schema in _ON_THE_WIRE:
        wire = talk.court.document(Places(schema, DRAFT_2020))
        sends = Side(wire, wire.places.root)
        reads = Side(talk.answers.document, read)
        if talk.court.judge(sends, reads).verdict is Verdict.FITS:
            yield kind


def takes_text(talk: Talk, schema: Place, text: str) -> bool:
    """Return whether a text on the wire is a value of a schema.

    Args:
        talk: The conversation, of whose asking side the schema is.
        schema: The schema.
        text: The text.
    """
    values: list[Any] = [text]
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        values.append(int(text))
    if text in ("true", "false"):
        values.append(text == "true")
    return any(talk.asks.document.takes(schema, value) for value in values)


def witness_path(path: str) -> Witness:
    """Return a path as a witness.

    Args:
        path: The path of a request.
    """
    return Witness(path)
