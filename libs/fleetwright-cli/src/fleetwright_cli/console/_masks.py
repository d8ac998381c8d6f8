"""What nobody is to read: values of names that speak of secrets, and what looks so."""

import re
from typing import Any

MASK = "***"
_NAMES = re.compile(
    r"authorization|cookie|token|secret|passw|credential|api[_-]?key|private|card|ssn",
    re.IGNORECASE,
)
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_USER = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")


def masked_text(text: str) -> str:
    """Return a text without tokens, private keys and passwords of URLs.

    Args:
        text: As it came.
    """
    if "eyJ" in text:
        text = _JWT.sub(MASK, text)
    if "-----BEGIN" in text:
        text = _PEM.sub(MASK, text)
    return _USER.sub(rf"\1:{MASK}@", text) if "://" in text else text


def masked(name: str, value: Any) -> Any:
    """Return a value, or a mask where its name or its looks are those of a secret.

    Args:
        name: What it is called.
        value: JSON-ready.
    """
    if isinstance(value, dict):
        return {key: masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(name, inner) for inner in value]
    if _NAMES.search(name) and isinstance(value, str) and value:
        return MASK
    return masked_text(value) if isinstance(value, str) else value
