"""A service in one process whose spans OpenTelemetry's own SDK makes and sends.

Prints the headers that a call out would carry, as JSON.
"""

import asyncio
import json

from fastapi import FastAPI
from opentelemetry import trace

from fleetwright import Service, Settings, _telemetry
from fleetwright._context import to_headers
from fleetwright.fastapi import mount
from fleetwright.testing import serving

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SETTINGS = Settings(environment="test", auth="off", telemetry="sdk")


async def main() -> None:
    """Answer one call that belongs to a trace, and one that begins one."""
    _telemetry.set_up("shop", SETTINGS, version="3")
    app = FastAPI()

    @app.get("/v1/quotes/{sku}")
    async def quote(sku: str) -> dict[str, str]:
        with trace.get_tracer("users").start_as_current_span("price"):
            return to_headers()

    async with serving(mount(app, Service("shop", SETTINGS))) as client:
        within = await client.get("/v1/quotes/a", headers={"traceparent": TRACEPARENT})
        new = await client.get("/v1/quotes/b")
    _telemetry.tear_down()
    print(json.dumps([within.json(), new.json()]))  # noqa: T201 - what the test reads


asyncio.run(main())
