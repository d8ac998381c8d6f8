"""AsgiTransport: a typed client that talks to an application in the same process."""

from typing import Any

from httpx2 import ASGITransport, AsyncClient, HTTPError

from fleetwright._transport import Request, Response
from fleetwright.errors import Unavailable


class AsgiTransport:
    """Requests handed to an ASGI application; nothing goes over a network.

    For `rest(Catalog, provider="catalog", transport=AsgiTransport(app))`.
    """

    def __init__(self, app: Any) -> None:
        """Carry requests to `app`, whose life cycle is the test's.

        Args:
            app: An ASGI application.
        """
        self._app = app
        self._client: AsyncClient | None = None

    async def open(self) -> None:
        """Get ready to carry requests."""
        self._client = AsyncClient(
            transport=ASGITransport(app=self._app, raise_app_exceptions=False)
        )

    async def close(self) -> None:
        """Carry no more requests."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def exchange(self, request: Request) -> Response:
        """Send a request and read its response to the end.

        Args:
            request: What to send.

        Returns:
            The response, whatever its status.

        Raises:
            Unavailable: The transport is closed, or the application answered nothing.
        """
        if self._client is None:
            raise Unavailable("the transport is closed", reason="connect")
        try:
            answer = await self._client.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                content=request.body,
            )
        except HTTPError as error:
            raise Unavailable(f"no answer: {error}", reason="reset") from error
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, headers, answer.content)
