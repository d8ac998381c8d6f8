"""The table `[rehearse]` of fleet.toml: what a service is asked for."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

_SEND = r"^(GET|POST|PUT|PATCH|DELETE|GRPC) [a-z0-9-]*/\S*$"


class RehearseSection(BaseModel):
    """A table below `[rehearse]`: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sent(RehearseSection):
    """One request.

    `{n}` in its path and its body is another word each time, `{uuid}` another UUID.

    Attributes:
        send: Method and path, `POST /v1/orders`; of another service with its name
            before the path: `PUT catalog/v1/products/71053`. A method of gRPC:
            `GRPC /shop.stock.v1.Stock/Hold`.
        body: What is sent as JSON; nothing when left out.
        share: How often, beside the others.
        repeatable: Whether its callers may send it again, though it is a POST without
            a key: their clients say `idempotent=True`.
        again: What is answered where it is sent twice; the same as the first time when
            left out.
    """

    send: Annotated[str, Field(pattern=_SEND)]
    body: Any = None
    share: Annotated[int, Field(ge=1, le=1000)] = 1
    repeatable: bool = False
    again: Any = None

    @property
    def service(self) -> str:
        """The other service that is asked; empty for the one that is rehearsed."""
        return self.send.partition(" ")[2].partition("/")[0]


class Rehearse(RehearseSection):
    """What one service is asked for.

    Attributes:
        through: Who is asked instead: it calls this service, or is heard by it.
        roles: What the person who asks is.
        environment: Variables of this service, whoever is rehearsed: what stands in for
            others shall not fail at random.
        before: Sent once, before anything else.
        requests: Sent over and over; what its OpenAPI document has examples of when
            left out.
    """

    through: str = ""
    roles: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    before: tuple[Sent, ...] = ()
    requests: tuple[Sent, ...] = ()
