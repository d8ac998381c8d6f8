"""How a repeated request is told from a new one."""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from fleetwright import Problem
from payments.tables import AnswerRow

# Declared by hand: FastAPI would answer a missing required header with 422, and the
# shop's clients are promised 400 with a `kind`.
KEY_PARAMETER: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": True,
            "description": "Names this request: a repetition with the same key is "
            "answered like the first and does nothing.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        }
    ]
}

_KEY = re.compile("[!-~]{1,255}")


async def idempotency_key(request: Request) -> str:
    """Return the request's Idempotency-Key.

    Args:
        request: The request being answered.

    Raises:
        Problem: 400, the key is missing or is not 1 to 255 printable characters.
    """
    key = request.headers.get("Idempotency-Key")
    if not key:
        raise Problem(
            400,
            "Idempotency-Key is missing",
            detail="Send a header Idempotency-Key, new for every new request.",
            kind="missing_idempotency_key",
        )
    if not _KEY.fullmatch(key):
        raise Problem(
            400,
            "Idempotency-Key cannot be read",
            detail="It is 1 to 255 printable ASCII characters, for example a UUID.",
            kind="odd_idempotency_key",
        )
    return key


def fingerprint(method: str, path: str, body: BaseModel) -> str:
    """Return what a request says, as 64 hexadecimal digits.

    Args:
        method: The HTTP method.
        path: The path asked for.
        body: What was sent; spacing and the order of fields do not count.
    """
    said = f"{method} {path}\n{body.model_dump_json()}"
    return hashlib.sha256(said.encode()).hexdigest()


def same_request(kept: str, asked: str) -> None:
    """Let a repetition pass and refuse another request under the same key.

    Args:
        kept: Fingerprint of the request that used the key first.
        asked: Fingerprint of this request.

    Raises:
        Problem: 422, the two differ.
    """
    if kept != asked:
        raise Problem(
            422,
            "Idempotency-Key was used for another request",
            detail="A new request needs a new key; a repetition the same content.",
            kind="idempotency_key_reused",
        )


async def answered_before(
    session: AsyncSession, key: str, asked: str
) -> AnswerRow | None:
    """Return the answer given under this key, or None for a new key.

    Args:
        session: Where to read.
        key: The request's Idempotency-Key.
        asked: The request's fingerprint.

    Raises:
        Problem: 422 `idempotency_key_reused`, it was given to another request.
    """
    row = await session.get(AnswerRow, key)
    if row is not None:
        same_request(row.fingerprint, asked)
    return row


def answer_kept(
    transaction: AsyncSession, key: str, asked: str, answer: BaseModel
) -> None:
    """Keep a 201 in the transaction whose work it tells of.

    Args:
        transaction: The transaction that also read that the key is new.
        key: The request's Idempotency-Key.
        asked: The request's fingerprint.
        answer: What is answered.
    """
    transaction.add(
        AnswerRow(
            idempotency_key=key,
            fingerprint=asked,
            status=201,
            body=answer.model_dump(mode="json"),
            created_at=datetime.now(UTC),
        )
    )
