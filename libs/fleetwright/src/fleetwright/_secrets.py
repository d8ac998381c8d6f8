"""What must never be read by the wrong eyes: secrets, known by name, value or shape."""

import re
from typing import Final

MASK: Final = "***"

_NAMES = re.compile(
    r"authorization|cookie|token|secret|passw(or)?d|passphrase|private_?key"
    r"|(api|access|signing|encryption)_?-?key|credential|card|ssn|\bcvv\b",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(://[^/\s:@]*):[^@\s/]+@")
_TOKEN_AS_USER = re.compile(r"://[^/\s:@]{16,}@")
_IN_QUERY = re.compile(r"([?&]\w*password=)[^&#\s]+", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")
_PEM = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*-----|\Z)", re.DOTALL
)
_BEARER = re.compile(r"\b(bearer|basic) +[\w\-.~+/=]{6,}", re.IGNORECASE)
# Personal data is known by its shape: addresses, and numbers of cards by their check.
_ADDRESS = re.compile(r"(?<![\w/:.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+")
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w.-])")
_SHORTEST_CARD = 13
_SHORTEST_SECRET = 4  # masking "a" would mask every a

_values: set[str] = set()


def is_secret_name(name: str) -> bool:
    """Return whether a field of this name holds a secret.

    Args:
        name: A field, header or variable.

    Returns:
        True for authorization, cookie, token, secret, password, card and their kin.
    """
    return _NAMES.search(name) is not None


def remember_secret(value: str) -> None:
    """Mask this value wherever it turns up from now on.

    Args:
        value: The secret; one shorter than four characters is not looked for.
    """
    if len(value) >= _SHORTEST_SECRET:
        _values.add(value)


def mask(text: str) -> str:
    """Return the text with every secret in it masked.

    Args:
        text: Anything that is about to be shown.

    Returns:
        The text without remembered secrets, passwords in URLs, bearer tokens, JSON
        web tokens, private keys, addresses of e-mail and numbers of cards.
    """
    for value in _values:
        if value in text:
            text = text.replace(value, MASK)
    if len(text) < _SHORTEST_CARD and text.isalnum():
        return text  # one short word: nothing below has such a shape
    if "://" in text:
        text = _USERINFO.sub(rf"\1:{MASK}@", text)
        text = _TOKEN_AS_USER.sub(f"://{MASK}@", text)
        text = _IN_QUERY.sub(rf"\1{MASK}", text)
    if "eyJ" in text:
        text = _JWT.sub(MASK, text)
    if "-----BEGIN" in text:
        text = _PEM.sub(MASK, text)
    if "@" in text:
        text = _ADDRESS.sub(MASK, text)
    if len(text) >= _SHORTEST_CARD:
        text = _CARD.sub(_masked_card, text)
    if " " in text:
        text = _BEARER.sub(rf"\1 {MASK}", text)
    return text


def _masked_card(found: re.Match[str]) -> str:
    """Mask a number whose last digit is the check of the others (Luhn), as cards'."""
    digits = [int(one) for one in found[0] if one.isdecimal()]
    doubled = [2 * one - 9 * (one > 4) for one in digits[-2::-2]]
    return found[0] if (sum(digits[-1::-2]) + sum(doubled)) % 10 else MASK
