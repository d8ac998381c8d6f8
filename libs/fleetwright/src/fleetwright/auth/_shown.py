"""A request with the token of whoever sends it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from fleetwright.auth._tokens import TokenSource, token_for

if TYPE_CHECKING:
    from fleetwright._transport import Incoming, Request, Response

A = TypeVar("A", "Response", "Incoming")


async def shown(
    tokens: TokenSource,
    provider: str,
    send: "Callable[[Request], Awaitable[A]]",
    request: "Request",
) -> A:
    """Send a request to a provider of the fleet, with a token for it.

    A token the provider refuses is replaced once: a 401 says that nothing was done.

    Args:
        tokens: Where tokens come from.
        provider: Who it is for, and nobody else.
        send: Sends it.
        request: The request; one that shows something already is left alone.

    Returns:
        The response, whatever its status.

    Raises:
        Unavailable: There is no token, or no response.
    """
    if "Authorization" in request.headers:
        return await send(request)
    token = await token_for(tokens, provider)
    response = await send(_with(request, token))
    if response.status == 401:
        tokens.forget(provider, token)
        renewed = await token_for(tokens, provider)
        if renewed != token:
            response = await send(_with(request, renewed))
    return response


def _with(request: "Request", token: str) -> "Request":
    headers = {**request.headers, "Authorization": f"Bearer {token}"}
    return replace(request, headers=headers)
