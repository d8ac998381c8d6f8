"""A request with the token of whoever sends it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetwright.auth._tokens import TokenSource

if TYPE_CHECKING:
    from fleetwright._transport import Request, Response, Transport


async def shown(
    tokens: TokenSource | None,
    provider: str,
    transport: "Transport",
    request: "Request",
) -> "Response":
    """Send a request to a provider of the fleet, with a token for it.

    A token the provider refuses is replaced once: a 401 says that nothing was done.

    Args:
        tokens: Where tokens come from; None sends the request as it is.
        provider: Who it is for, and nobody else.
        transport: What carries it.
        request: The request; one that shows something already is left alone.

    Returns:
        The response, whatever its status.

    Raises:
        Unavailable: There is no token, or no response.
    """
    if tokens is None or "Authorization" in request.headers:
        return await transport.exchange(request)
    token = await tokens.token(provider)
    response = await transport.exchange(_with(request, token))
    if response.status == 401:
        tokens.forget(provider, token)
        renewed = await tokens.token(provider)
        if renewed != token:
            response = await transport.exchange(_with(request, renewed))
    return response


def _with(request: "Request", token: str) -> "Request":
    headers = {**request.headers, "Authorization": f"Bearer {token}"}
    return replace(request, headers=headers)
