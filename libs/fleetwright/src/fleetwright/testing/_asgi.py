"""AsgiTransport: a typed client that talks to an application in the same process."""

from typing import Any

from httpx2 import ASGITransport, AsyncClient, HTTPError

from fleetwright._service import service_of
from fleetwright._transport import Incoming, Request, Response
from fleetwright.errors import Unavailable
from fleetwright.testing._issuer import TESTS, Credentials


class AsgiTransport:
    """Requests handed to an ASGI application; nothing goes over a network.

    For `rest(Catalog, provider="catalog", transport=AsgiTransport(app))`.
    """

    def __init__(self, app: Any, *, caller: str | None = TESTS) -> None:
        """Carry requests to `app`, whose life cycle is the test's.

        Args:
            app: An ASGI application.
            caller: Who calls, as for `serving`; None for nobody.
        """
        self._app = app
        service = service_of(app)
        self._shown = None if service is None else Credentials(service, caller)
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
        shown = {} if self._shown is None else self._shown.headers()
        try:
            answer = await self._client.request(
                request.method,
                request.url,
                headers={**shown, **request.headers},
                content=request.body,
            )
        except HTTPError as error:
            raise Unavailable(f"no answer: {error}", reason="reset") from error
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, headers, answer.content)

    async def begin(self, request: Request) -> Incoming:
        """Send a request; its whole response is the one piece that is read.

        Args:
            request: What to send.

        Returns:
            The response, whatever its status.

        Raises:
            Unavailable: The transport is closed, or the application answered nothing.
        """
        return _Whole(await self.exchange(request))


class _Whole:
    """A response that comes in one piece."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.headers = response.headers
        self._body = response.body

    async def read(self) -> bytes:
        """Return the body, once."""
        body, self._body = self._body, b""
        return body

    async def close(self) -> None:
        """Do nothing: no connection is held."""
