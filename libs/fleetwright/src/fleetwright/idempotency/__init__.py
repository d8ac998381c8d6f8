"""Requests that may be sent twice and are done once, by their Idempotency-Key.

Read `_key` first: it is what a handler uses; `_rows` is what is kept of it.
"""

from fleetwright.idempotency._key import AsyncIdempotencyKey, IdempotencyKey
from fleetwright.idempotency._part import KeptAnswers
from fleetwright.idempotency._rows import kept_answers

__all__ = ["AsyncIdempotencyKey", "IdempotencyKey", "KeptAnswers", "kept_answers"]
