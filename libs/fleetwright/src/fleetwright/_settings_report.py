"""What is wrong with an environment, in words: variable, field, file and mend."""

import difflib
import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails, PydanticUndefined

from fleetwright._secrets import MASK, is_secret_name, mask
from fleetwright.errors import SettingsError

_SHORTEST_SUSPECT = 6  # HOST and POST are one letter apart and have nothing in common
_CLOSE = 0.84


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings are read from.

    Attributes:
        environment: The variables of the process, names in upper case.
        file: The `.env` file, whether it exists or not.
        keys: What is in that file, names in upper case.
    """

    environment: Mapping[str, str]
    file: Path
    keys: Mapping[str, str | None]

    @classmethod
    def here(cls, file: Any) -> "Source":
        """Return the source of this process.

        Args:
            file: The `.env` file to read, or None for no file.

        Returns:
            The variables and keys as they are now.
        """
        path = Path(file) if isinstance(file, str | os.PathLike) else Path(".env")
        keys = dotenv_values(path) if file and path.is_file() else {}
        return cls(
            {name.upper(): value for name, value in os.environ.items()},
            path,
            {name.upper(): value for name, value in keys.items()},
        )

    def value(self, variable: str) -> str | None:
        """Return the text of a variable, wherever it is set."""
        found = self.environment.get(variable)
        return found if found is not None else self.keys.get(variable)


def report(
    cls: type[BaseModel],
    error: ValidationError,
    source: Source,
    given: Mapping[str, object],
) -> list[SettingsError]:
    """Return pydantic's findings as errors that name variable, field, file and mend.

    Args:
        cls: The settings class.
        error: What pydantic found.
        source: Where the values came from.
        given: Values that were passed by name instead.

    Returns:
        One error for each field, in the order of the fields.
    """
    findings: dict[str, SettingsError] = {}
    for details in error.errors(include_url=False):
        name = str(details["loc"][0]) if details["loc"] else ""
        if name not in findings:
            findings[name] = _finding(cls, name, details, source, given)
    return list(findings.values())


def _finding(
    cls: type[BaseModel],
    name: str,
    details: ErrorDetails,
    source: Source,
    given: Mapping[str, object],
) -> SettingsError:
    variable = name.upper()
    field = cls.model_fields.get(name)
    if field is None:
        return SettingsError(
            f"{name or cls.__name__}: {details['msg']}",
            where=_owner(cls, name),
            hint=_did_you_mean(name, list(cls.model_fields)) or "leave it out",
        )
    secret = field.annotation is SecretStr or is_secret_name(name)
    example = _example(field.default, details, secret)
    hint = f"set {variable}={example} in {source.file.absolute()}"
    if details["type"] == "missing":
        what = f"{variable} is not set"
    else:
        text = given[name] if name in given else source.value(variable)
        shown = (
            MASK if secret else mask(str(details["input"] if text is None else text))
        )
        what = f"{variable}={shown} {_complaint(name, details)}"
        if variable in source.environment:
            hint = f"set {variable}={example} in the environment"
    return SettingsError(what, where=f"read by {_owner(cls, name)}", hint=hint)


_UNITS = {
    "seconds": "of seconds",
    "bytes": "of bytes",
    "ratio": "between 0 and 1",
    "share": "between 0 and 1",
    "pence": "of pence",
    "cents": "of cents",
}


def _complaint(name: str, details: ErrorDetails) -> str:
    """Return what is wrong with the value, in words that follow it."""
    kind = details["type"]
    context = details.get("ctx", {})
    unit = _UNITS.get(name.rsplit("_", 1)[-1], "")
    if kind.startswith("float"):
        return f"is not a number {unit}".rstrip()
    if kind.startswith("int"):
        return f"is not a whole number {unit}".rstrip()
    if kind.startswith("bool"):
        return "is neither true nor false"
    if kind in ("literal_error", "enum"):
        return f"is not one of {context.get('expected', '')}".replace("'", "")
    for word, phrase in _LIMITS.items():
        if kind == word:
            return f"{phrase} {next(iter(context.values()), '')}"
    if kind.startswith("url"):
        return f"is not a URL: {context.get('error', details['msg'])}"
    return f"is wrong: {details['msg'][:1].lower()}{details['msg'][1:]}"


_LIMITS = {
    "greater_than": "is not greater than",
    "greater_than_equal": "is less than",
    "less_than": "is not less than",
    "less_than_equal": "is greater than",
}


def _example(default: object, details: ErrorDetails, secret: bool) -> str:
    """Return a value that would do."""
    if secret:
        return "<secret>"
    if details["type"] == "literal_error" and default is PydanticUndefined:
        expected = str(details.get("ctx", {}).get("expected", "..."))
        return expected.split(" ")[0].strip("',")
    return "..." if default in (PydanticUndefined, None) else str(default)


def _owner(cls: type[BaseModel], name: str) -> str:
    """Return the class and field that read a variable, and their file."""
    owner = cls
    for ancestor in cls.__mro__:
        if name in inspect.get_annotations(ancestor):
            owner = ancestor
            break
    try:
        file = Path(inspect.getfile(owner))
    except (OSError, TypeError):
        return f"{owner.__name__}.{name}"
    here = Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    return f"{owner.__name__}.{name} ({shown})"


def unknown_keys(
    cls: type[BaseModel],
    source: Source,
    prefixes: tuple[str, ...],
    suffixes: tuple[str, ...],
) -> list[SettingsError]:
    """Return an error for each key of `.env` that nothing reads.

    Args:
        cls: The settings class.
        source: Where settings are read from.
        prefixes: How keys begin that others read.
        suffixes: How keys end that others read.

    Returns:
        The errors, in the order of the file.
    """
    fields = [name.upper() for name in cls.model_fields]
    errors = []
    for key in source.keys:
        known = key in fields or key.removesuffix("_FILE") in fields
        mend = _did_you_mean(key, fields)
        foreign = key.startswith(prefixes) or (key.endswith(suffixes) and not mend)
        if known or foreign:
            continue
        errors.append(
            SettingsError(
                f"{key} is not a setting of {cls.__name__}",
                where=str(source.file.absolute()),
                hint=mend or f"remove it, or add a field `{key.lower()}`",
            )
        )
    return errors


def near_misses(cls: type[BaseModel], source: Source) -> tuple[tuple[str, str], ...]:
    """Return variables of the environment that may be a misspelt setting.

    Args:
        cls: The settings class.
        source: Where settings are read from.

    Returns:
        Pairs (variable, the setting that was perhaps meant), unset settings only.
    """
    fields = [name.upper() for name in cls.model_fields]
    unset = [
        field
        for field in fields
        if field not in source.environment and len(field) >= _SHORTEST_SUSPECT
    ]
    pairs = []
    for variable in source.environment:
        if variable in fields or variable.removesuffix("_FILE") in fields:
            continue
        close = difflib.get_close_matches(variable, unset, n=1, cutoff=_CLOSE)
        if close:
            pairs.append((variable, close[0]))
    return tuple(pairs)


def _did_you_mean(name: str, known: list[str]) -> str | None:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f"did you mean {close[0]}?" if close else None
