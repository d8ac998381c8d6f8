"""Names that a fleet, a service or a library may have, and better ones for the rest."""

import importlib.metadata
import keyword
import re
import sys
from collections.abc import Collection

from fleetwright_cli._errors import WRONG_ARGUMENTS, FleetError

LONGEST = 28
_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_OWNER = re.compile(r"@[\w.-]+(/[\w.-]+)?|[^@\s#]+@[^@\s#]+\.[^@\s#]+")
# What these words mean already: the tests of the whole, folders, parts of a service.
_TAKEN = {"app", "docs", "fleet", "issuer", "libs", "main", "services", "src", "test"}
_TAKEN |= {"tests", "databases", "kafka", "postgres", "rabbit"}


def package_of(name: str) -> str:
    """Return the import package of a name in kebab-case."""
    return name.replace("-", "_")


def class_of(name: str) -> str:
    """Return how classes of a name in kebab-case begin."""
    return "".join(part.capitalize() for part in name.split("-"))


def require_name(name: str, *, what: str, command: str, used: Collection[str]) -> None:
    """Refuse a name that would break something, with one that does not.

    Args:
        name: What was typed.
        what: What is named: "fleet", "service", "library".
        command: The command with a `{}` where the name stands.
        used: Names that are taken.

    Raises:
        FleetError: The name cannot be used; the hint can be typed.
    """
    reason = _fault(name, what, used)
    if reason is None:
        return
    better = _better(name, what, used)
    raise FleetError(
        f"`{name}` cannot be the name of a {what}: {reason}",
        hint=f"`{command.format(better)}`" if better else f"`{command.format('NAME')}`",
        exit_code=WRONG_ARGUMENTS,
    )


def owner_of(typed: str) -> str:
    """Return an owner as CODEOWNERS writes it: a bare word is a user or a team.

    Args:
        typed: `@user`, `@company/team`, an address, or a bare word.

    Raises:
        FleetError: It is none of these.
    """
    owner = typed if "@" in typed else f"@{typed}"
    if _OWNER.fullmatch(owner):
        return owner
    raise FleetError(
        f"`{typed}` is no owner",
        where="an owner is @user, @company/team or an address",
        hint=f"`--owner @{_kebab(typed) or 'company/team'}`",
        exit_code=WRONG_ARGUMENTS,
    )


def _fault(name: str, what: str, used: Collection[str]) -> str | None:
    """Return why a name cannot be used; None when it can."""
    if not _KEBAB.fullmatch(name):
        return "small letters and digits, words joined by `-`, a letter first"
    if len(name) > LONGEST:
        return f"it is longer than {LONGEST} letters"
    if what == "fleet":
        return None
    if name in used:
        return "there is one of that name"
    package = package_of(name)
    if package in _TAKEN or keyword.iskeyword(package):
        return "the word means something else here"
    if package in sys.stdlib_module_names:
        return f"its package would hide Python's own `{package}`"
    if package in importlib.metadata.packages_distributions():
        return f"its package would hide the installed `{package}`"
    return None


def _better(name: str, what: str, used: Collection[str]) -> str:
    """Return a name near to one that can be used; empty for none."""
    near = _kebab(name)[:LONGEST].strip("-")
    tries = (near, f"{near[: LONGEST - 8]}-service", f"{near[: LONGEST - 2]}-2")
    found = (one for one in tries if near and _fault(one, what, used) is None)
    return next(found, "")


def _kebab(text: str) -> str:
    """Return a text in kebab-case: `Billing_Service`, `BillingService` and the like."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text)
    return re.sub(r"[^a-z0-9]+", "-", apart.lower()).strip("-").lstrip("0123456789-")
