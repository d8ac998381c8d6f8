"""What OpenAPI says of the header Idempotency-Key and of a repeated answer."""

from typing import Any

from fleetwright.idempotency._key import HEADER, PATTERN

# Declared by hand: FastAPI would answer a missing required header with 422, and the
# answer to a missing key is 400.
KEY_PARAMETER: dict[str, Any] = {
    "parameters": [
        {
            "name": HEADER,
            "in": "header",
            "required": True,
            "description": "Names this request: a repetition with the same key is "
            "answered like the first and does nothing.",
            "schema": {"type": "string", "pattern": f"^{PATTERN}$"},
        }
    ]
}

# For `responses` of the status a repetition is answered with.
REPLAYED: dict[str, Any] = {
    "headers": {
        "Idempotency-Replayed": {
            "description": "`true` when the request was made before: this is what was "
            "answered then, and nothing was done now.",
            "schema": {"type": "string"},
        }
    }
}
