"""JSON as bytes, by orjson where it is installed."""

import functools
import json
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
