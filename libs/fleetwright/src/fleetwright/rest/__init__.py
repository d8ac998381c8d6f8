"""Typed clients: a Protocol that says what is called, made real by `rest()`.

Read `_client` first: it tells one call from arguments to answer.
"""

from fleetwright._transport import Request, Response, Transport
from fleetwright.rest._client import RestPart
from fleetwright.rest._operation import Header, Operation
from fleetwright.rest._protocol import operations_of, rest
from fleetwright.rest._streaming import ServerEvent
from fleetwright.rest._verbs import delete, get, patch, post, put

__all__ = [
    "Header",
    "Operation",
    "Request",
    "Response",
    "RestPart",
    "ServerEvent",
    "Transport",
    "delete",
    "get",
    "operations_of",
    "patch",
    "post",
    "put",
    "rest",
]
