"""Formats of texts: which text has one, and texts that have it or nearly have it.

Each is checked with the standard library, so that a machine without further packages
gives the same answers. Of a text that a full check could judge otherwise (a host name
with letters written as `xn--`) nothing is said, and of a format that is not listed
neither.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from urllib.parse import urlsplit

from fleetwright_contracts.errors import ContractError, Unreadable
from fleetwright_contracts.regexes import automaton

# Names that say something to people or to code makers, and refuse no text.
UNCHECKED = frozenset(
    [
        "password",
        "binary",
        "textarea",
        "markdown",
        "html",
        "color",
        "phone",
        "int32",
        "int64",
        "float",
        "double",
        "decimal",
        "json-string",
    ]
)

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_TIME = re.compile(
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?" r"([zZ]|[+-]([0-9]{2}):([0-9]{2}))\Z"
)
_DAYS = r"[0-9]+D"
_MONTHS = rf"[0-9]+M(?:{_DAYS})?"
_YEARS = rf"[0-9]+Y(?:{_MONTHS})?"
_SECONDS = r"[0-9]+S"
_MINUTES = rf"[0-9]+M(?:{_SECONDS})?"
_HOURS = rf"[0-9]+H(?:{_MINUTES})?"
_CLOCK = rf"T(?:{_HOURS}|{_MINUTES}|{_SECONDS})"
_DURATION = re.compile(
    rf"P(?:(?:{_YEARS}|{_MONTHS}|{_DAYS})(?:{_CLOCK})?|{_CLOCK}|[0-9]+W)\Z"
)
_LABEL = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\Z")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9_+-]+)*\Z")
_BASE64 = re.compile(r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z")
_NEARLY_BASE64 = re.compile(r"[A-Za-z0-9+/=_\s-]*\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*\Z")


@dataclass(frozen=True, slots=True)
class Format:
    """A format of texts.

    Attributes:
        has: Whether a text has it; None where that takes more than we know.
        samples: Texts that have it, the plainest first.
    """

    has: Callable[[str], bool | None]
    samples: tuple[str, ...]


def _is_date(text: str) -> bool:
    """Return whether a text is a full date of RFC 3339."""
    if not (text.isascii() and _DATE.match(text)):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    """Return whether a text is a full time of RFC 3339."""
    found = _TIME.match(text)
    if not (text.isascii() and found):
        return False
    hour, minute, second = (int(found[place]) for place in (1, 2, 3))
    if int(found[6] or 0) > 23 or int(found[7] or 0) > 59:
        return False
    if second == 60:
        return _leaps(found, hour, minute)
    try:
        time(hour, minute, second)
    except ValueError:
        return False
    return True


def _leaps(found: re.Match[str], hour: int, minute: int) -> bool:
    """Return whether a minute is the last one of a day of UTC: only it may have 61."""
    offset = int(found[6] or 0) * 60 + int(found[7] or 0)
    sign = -1 if found[5][0] == "+" else 1
    return (
        hour < 24
        and minute < 60
        and (hour * 60 + minute + sign * offset) % 1440 == 23 * 60 + 59
    )


def _is_date_time(text: str) -> bool:
    """Return whether a text is a date and time of RFC 3339."""
    head, sign, tail = text[:10], text[10:11], text[11:]
    return sign in ("T", "t") and _is_date(head) and _is_time(tail)


def _is_local_date_time(text: str) -> bool:
    """Return whether a text is a date and time without a zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is None and "T" in text
    except ValueError:
        return False


def _is_ip(
    version: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address],
) -> Callable[[str], bool]:
    """Return the check of addresses of one version."""

    def check(text: str) -> bool:
        try:
            version(text)
        except ValueError:
            return False
        return text.isascii() and "%" not in text

    return check


def _is_hostname(text: str) -> bool | None:
    """Return whether a text is a host name of letters, digits and hyphens."""
    labels = text.split(".")
    if not (0 < len(text) <= 253 and all(_LABEL.match(label) for label in labels)):
        return False
    return None if any(label[2:4] == "--" for label in labels) else True


def _is_email(text: str) -> bool | None:
    """Return whether a text is an e-mail address."""
    local, sign, host = text.rpartition("@")
    if not sign:
        return False
    if local.startswith('"') or host.startswith("[") or len(local) > 64:
        return None
    return _is_hostname(host) if _LOCAL_PART.match(local) else False


def _is_uri(text: str) -> bool | None:
    """Return whether a text is a URI with a scheme."""
    if "[" in text:
        return None
    if not _SCHEME.match(text) or re.search(r"%(?![0-9a-fA-F]{2})", text):
        return False
    try:
        _ = urlsplit(text).port  # it is looked at only here
    except ValueError:
        return False
    return "#" not in text.partition("#")[2]


def _is_encoded(text: str) -> bool | None:
    """Return whether a text is base64; some take line ends and other signs, too."""
    if _BASE64.match(text):
        return True
    return None if _NEARLY_BASE64.match(text) else False


def _is_regex(text: str) -> bool | None:
    """Return whether a text is a regular expression."""
    try:
        automaton(text)
    except Unreadable:
        return False
    except ContractError:
        return None
    return True


_ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
FORMATS = {
    "uuid": Format(lambda text: bool(_UUID.match(text)), (_ID, _ID.upper())),
    "date": Format(_is_date, ("2024-01-02", "1999-12-31")),
    "time": Format(_is_time, ("03:04:05Z", "03:04:05.5+01:00")),
    "date-time": Format(
        _is_date_time, ("2024-01-02T03:04:05Z", "2024-01-02T03:04:05.5+01:00")
    ),
    "local-date-time": Format(_is_local_date_time, ("2024-01-02T03:04:05",)),
    "duration": Format(lambda text: bool(_DURATION.match(text)), ("P1D", "PT1H")),
    "ipv4": Format(_is_ip(ipaddress.IPv4Address), ("127.0.0.1", "10.0.0.1")),
    "ipv6": Format(_is_ip(ipaddress.IPv6Address), ("::1", "fe80::1")),
    "hostname": Format(_is_hostname, ("example.com", "a")),
    "email": Format(_is_email, ("a@example.com", "b.c@example.org")),
    "uri": Format(_is_uri, ("https://example.com/", "urn:a:b")),
    "regex": Format(_is_regex, ("a", "^b$")),
    "byte": Format(_is_encoded, ("YQ==", "")),
    "base64": Format(_is_encoded, ("YQ==", "")),
}


def has_format(name: str, text: str) -> bool | None:
    """Return whether a text has a format.

    Args:
        name: The format's name.
        text: The text.

    Returns:
        None where the format is not known.
    """
    found = FORMATS.get(name)
    return None if found is None else found.has(text)
