"""JSON as bytes, by orjson where it is installed."""

import functools
import json
import re
from collections.abc import Callable

try:
    import orjson
except ModuleNotFoundError:  # slower, not different

    def to_json(value: object) -> bytes:
        """Return a value as JSON; what JSON has no words for becomes text."""
        text = json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")

    plain_json: Callable[[object], bytes] = to_json

else:
    # For values known to be plain: no call of ours around the C function.
    plain_json = functools.partial(orjson.dumps, default=str)

    def to_json(value: object) -> bytes:
        """Return a value as JSON; what JSON has no words for becomes text."""
        try:
            return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:  # integers beyond 64 bits, lone surrogates
            text = json.dumps(value, default=str, separators=(",", ":"))
            return text.encode("utf-8", "replace")


_CONTROLS = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]")


def escaped(data: bytes) -> bytes:
    """Return JSON without the control characters JSON itself lets through.

    Args:
        data: JSON in UTF-8.

    Returns:
        The same value; DEL, C1 and the line separators of Unicode, which terminals and
        readers of lines act on, are written as escapes.
    """
    if data.isascii() and b"\x7f" not in data:
        return data
    return _CONTROLS.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), data)
