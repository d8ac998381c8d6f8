"""The key of a request: look it up, claim it, keep the answer, all with the effect."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from fleetwright._context import current_call
from fleetwright._json import to_json
from fleetwright._problem import Problem
from fleetwright.idempotency import _rows

HEADER: Final = "Idempotency-Key"
PATTERN: Final = "[!-~]{1,255}"
_KEY = re.compile(PATTERN, re.ASCII)
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that has a name.

    Attributes:
        route: Method and path template, for example "POST /v1/orders".
        principal: Who asks; empty for nobody known.
        value: The header: what the caller named the request.
        fingerprint: SHA-256 of method, path and body, 64 hexadecimal digits.
    """

    route: str
    principal: str
    value: str
    fingerprint: str

    @classmethod
    def of(
        cls, value: str | None, *, route: str, method: str, path: str, body: bytes
    ) -> Self:
        """Return the key of a request, of the principal of the current call.

        Args:
            value: The header `Idempotency-Key`; None where there is none.
            route: Method and path template.
            method: The HTTP method.
            path: The path that was asked for, with its query.
            body: The body; of JSON neither spacing nor the order of members counts.

        Returns:
            The key.

        Raises:
            Problem: 400, the header is missing or is not 1 to 255 printable ASCII
                characters.
        """
        if not value:
            raise Problem(
                400,
                "Idempotency-Key is missing",
                detail="Send a header Idempotency-Key, new for every new request.",
                kind="missing_idempotency_key",
            )
        if not _KEY.fullmatch(value):
            raise Problem(
                400,
                "Idempotency-Key cannot be read",
                detail="It is 1 to 255 printable ASCII characters, for example a UUID.",
                kind="odd_idempotency_key",
            )
        said = f"{method} {path}\n".encode() + _canonical(body)
        fingerprint = hashlib.sha256(said).hexdigest()
        return cls(_short(route), _short(_principal()), value, fingerprint)

    @property
    def name(self) -> str:
        """The key together with who gave it: unique among the keys of one route."""
        return f"{self.principal} {self.value}" if self.principal else self.value


class IdempotencyKey(_Asked):
    """The key of a request, for a handler with a sync session.

    Exactly one effect a key, on SQLite and PostgreSQL: the key is claimed in the
    transaction of the effect, so both are kept or neither; a twin that comes meanwhile
    waits for that transaction and gets its answer.
    """

    __slots__ = ()

    def replay(self, session: Session) -> None:
        """Answer a repetition; do nothing for a new key. Writes nothing.

        For work that is done before the transaction; `claim` asks again in it.

        Args:
            session: Where to read.

        Raises:
            Answered: The request was answered before; this ends the handler.
            Problem: 422, the key was used for another request; 409, the request is
                being answered just now.
        """
        _rows.replay(session, self)

    def claim(self, transaction: Session) -> None:
        """Claim a new key in this transaction; answer a repetition.

        Args:
            transaction: The transaction of the effect.

        Raises:
            Answered: The request was answered before; this ends the handler.
            Problem: 422, the key was used for another request; 409, the request is
                being answered just now.
        """
        _rows.claim(transaction, self)

    def keep(
        self,
        transaction: Session,
        answer: object,
        *,
        status: int = 201,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the answer for repetitions, in the transaction that claimed the key.

        Args:
            transaction: The transaction of the effect.
            answer: What is answered: a model, or anything that is JSON.
            status: HTTP status of the answer to repetitions.
            headers: Headers of the answer, for example Location.
        """
        _rows.keep(transaction, self, status, headers or {}, _json(answer))


class AsyncIdempotencyKey(_Asked):
    """The key of a request, for a handler with an async session.

    Exactly one effect a key, on SQLite and PostgreSQL: the key is claimed in the
    transaction of the effect, so both are kept or neither; a twin that comes meanwhile
    waits for that transaction and gets its answer.
    """

    __slots__ = ()

    async def replay(self, session: AsyncSession) -> None:
        """Answer a repetition; do nothing for a new key. Writes nothing.

        For work that is done before the transaction; `claim` asks again in it.

        Args:
            session: Where to read.

        Raises:
            Answered: The request was answered before; this ends the handler.
            Problem: 422, the key was used for another request; 409, the request is
                being answered just now.
        """
        await session.run_sync(_rows.replay, self)

    async def claim(self, transaction: AsyncSession) -> None:
        """Claim a new key in this transaction; answer a repetition.

        Args:
            transaction: The transaction of the effect.

        Raises:
            Answered: The request was answered before; this ends the handler.
            Problem: 422, the key was used for another request; 409, the request is
                being answered just now.
        """
        await transaction.run_sync(_rows.claim, self)

    async def keep(
        self,
        transaction: AsyncSession,
        answer: object,
        *,
        status: int = 201,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the answer for repetitions, in the transaction that claimed the key.

        Args:
            transaction: The transaction of the effect.
            answer: What is answered: a model, or anything that is JSON.
            status: HTTP status of the answer to repetitions.
            headers: Headers of the answer, for example Location.
        """
        body = _json(answer)
        await transaction.run_sync(_rows.keep, self, status, headers or {}, body)


def _principal() -> str:
    """Return who is authenticated, or an empty text for nobody."""
    call = current_call()
    principal = call.principal if call is not None else None
    if principal is None:
        return ""
    return f"{principal.issuer} {principal}".lstrip()


def _short(text: str) -> str:
    """Return a text that fits into its column and still tells texts apart."""
    if len(text) <= _LONGEST:
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _canonical(body: bytes) -> bytes:
    """Return JSON in one spelling; any other body as it is."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def _json(answer: object) -> bytes:
    if isinstance(answer, BaseModel):
        return answer.model_dump_json(by_alias=True).encode()
    return answer if isinstance(answer, bytes) else to_json(answer)
