"""Fixtures shared by the tests of catalog."""

from collections.abc import AsyncIterator

import pytest
from httpx2 import AsyncClient

from catalog.app import create_app
from catalog.settings import CatalogSettings
from fleetwright.testing import serving


@pytest.fixture
async def catalog() -> AsyncIterator[AsyncClient]:
    """Serve an empty catalog in memory: no sockets, no files."""
    app = create_app(CatalogSettings(database_url="sqlite+aiosqlite://"))
    async with serving(app) as http:
        yield http
