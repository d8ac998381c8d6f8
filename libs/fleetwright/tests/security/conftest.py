"""An issuer on a real port, that can rotate its keys and go away."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from fleetwright.testing import FakeIssuer


class StandIn:
    """An issuer over HTTP whose behaviour a test decides.

    Attributes:
        signer: Who signs its tokens now.
        asked: How often each path was asked for.
        bodies: What was sent to the token endpoint.
        status: What it answers with.
        body: What it answers instead, if anything.
        hangs: Whether it answers at all.
    """

    def __init__(self) -> None:
        """Begin with one key, not listening."""
        self.signer = FakeIssuer()
        self.asked: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []
        self.status = 200
        self.body: str | None = None
        self.hangs = False
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def rotate(self) -> FakeIssuer:
        """Sign with a new key from now on.

        Returns:
            Who signed before.
        """
        before, self.signer = self.signer, FakeIssuer()
        return before

    async def start(self) -> None:
        """Listen, at the same port as before."""
        app = web.Application()
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go away."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _keys(self, request: web.Request) -> web.Response:
        return await self._answer("keys", self.signer.document())

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        form["client"] = request.headers.get("Authorization", "")
        self.forms.append(form)
        token = self.signer.token(form["audience"], caller="orders")
        return await self._answer("token", {"access_token": token, "expires_in": 300})

    async def _answer(self, path: str, document: object) -> web.Response:
        self.asked[path] += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.body is not None:
            return web.Response(text=self.body, status=self.status)
        return web.json_response(document, status=self.status)


@pytest.fixture
async def issuer() -> AsyncIterator[StandIn]:
    """Give an issuer that listens."""
    stand_in = StandIn()
    await stand_in.start()
    yield stand_in
    await stand_in.stop()
