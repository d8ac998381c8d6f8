"""One bounded request to the issuer: little time, little body, no redirects."""

import asyncio
from collections.abc import Mapping

from fleetwright.errors import Unavailable

_ASK_SECONDS = 2.0
_MOST_BYTES = 64 * 1024


async def ask(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> bytes:
    """Return what the issuer answers.

    Args:
        method: The verb.
        url: Where to.
        headers: What to send along.
        body: What to send.

    Returns:
        The body of a 200.

    Raises:
        Unavailable: No such answer within two seconds, or one that is too long.
    """
    # Here and not above: only who asks an issuer has installed what it needs.
    from fleetwright._transport import AiohttpTransport, Request

    # Its own pool each time: asked every few minutes, a kept connection would be dead.
    transport = AiohttpTransport(max_body_bytes=_MOST_BYTES)
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            await transport.open()
            sent = {"Accept": "application/json", **(headers or {})}
            answer = await transport.exchange(Request(method, url, sent, body))
    except TimeoutError as error:
        raise Unavailable(
            f"the issuer did not answer in {_ASK_SECONDS:g} s",
            reason="timeout",
            provider="the issuer",
            where=url,
            hint="start the issuer; in a fleet on this machine: fleet restart issuer",
        ) from error
    finally:
        await transport.close()
    if answer.status != 200:
        raise Unavailable(
            f"the issuer answered {answer.status}",
            reason="status",
            status=answer.status,
            provider="the issuer",
            where=url,
            hint="401: check TOKEN_CLIENT_SECRET; 404: check the URL",
        )
    return answer.body
