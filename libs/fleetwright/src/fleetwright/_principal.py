"""Principal: who is authenticated, a service or a user."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Principal:
    """Who made a call, proved by a token.

    Attributes:
        subject: The name of the service, or the issuer's id of the user.
        kind: `service` for a service that calls for itself, `user` for anyone else.
        issuer: Who vouches for it.
        scopes: What the token may be used for.
        roles: What the issuer says the user is.
    """

    subject: str
    kind: Literal["service", "user"]
    issuer: str = ""
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Return how it is written in logs, for example `service:orders`."""
        return f"{self.kind}:{self.subject}"
