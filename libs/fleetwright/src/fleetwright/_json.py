"""JSON as bytes, by orjson where it is installed."""

import json

try:
    import orjson
except ModuleNotFoundError:  # slower, not different

    def to_json(value: object) -> bytes:
        """Return a value as JSON; what JSON has no words for becomes text."""
        text = json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")

else:

    def to_json(value: object) -> bytes:
        """Return a value as JSON; what JSON has no words for becomes text."""
        try:
            return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:  # integers beyond 64 bits, lone surrogates
            text = json.dumps(value, default=str, separators=(",", ":"))
            return text.encode("utf-8", "replace")
