"""Templates to pages, and the rules a browser is given with each of them."""

from pathlib import Path
from typing import Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storefront.basket import MOST_UNITS, Basket
from storefront.tiles import tile
from storefront.words import day_and_time, pounds, readable

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"

_RULES: Final = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(pounds=pounds, readable=readable, day_and_time=day_and_time)
_templates.globals.update(tile=tile, most_units=MOST_UNITS)


def page(
    template: str,
    basket: Basket,
    *,
    status: int = 200,
    degraded: str | None = None,
    **values: object,
) -> HTMLResponse:
    """Return a page of the shop.

    Args:
        template: The template's file name.
        basket: The buyer's basket, for the head of every page.
        status: The HTTP status.
        degraded: Which neighbour's answer the page does without, if any.
        values: What the template shows; everything is escaped there.
    """
    html = _templates.get_template(template).render(basket=basket, **values)
    headers = {"Fleet-Degraded": degraded} if degraded else None
    return HTMLResponse(html, status_code=status, headers=headers)


async def not_found(request: Request, error: Exception) -> Response:
    """Answer an address that leads nowhere with a page of the shop.

    Args:
        request: What was asked for.
        error: Starlette's refusal to route it; its status and headers are kept.
    """
    status = getattr(error, "status_code", 404)
    basket = Basket.read(request.cookies.get("basket", ""))
    answer = page("unknown.html", basket, status=status, what="page")
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


class BrowserRules:
    """Middleware: every page tells the browser what it may load, frame and send.

    Only pages get the rules; `nosniff` goes with every answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand around `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as `app` does, with the rules added."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_rules(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-content-type-options"] = "nosniff"
                if headers.get("content-type", "").startswith("text/html"):
                    headers.update(_RULES)
            await send(message)

        await self._app(scope, receive, send_with_rules)
