"""A shop and a fleet that are small enough to see through."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web

from shop_replay.running import SHOP, Process, RunningFleet

DAY = """
1,10002,TOY,2,2010-12-01 08:00:00,1.0,12345.0,France
1,10002,TOY,1,2010-12-01 08:00:00,1.0,12345.0,France
1,POST,POSTAGE,1,2010-12-01 08:00:00,18.0,12345.0,France
1,10080,,1,2010-12-01 08:00:00,0.0,12345.0,France
2,10080,CUP,3,2010-12-01 09:00:00,2.0,,France
2,10080,CUP,-3,2010-12-01 09:00:00,2.0,,France
3,10120,DOG,1,2010-12-01 10:00:00,0.0,,France
C4,10002,TOY,-2,2010-12-01 11:00:00,1.0,12345.0,France
C4,99999,?,-2,2010-12-01 11:00:00,1.0,12345.0,France
C5,10002,TOY,-1,2010-12-01 12:00:00,1.0,,France
"""
TOOL = """
import json, pathlib, sys
word = sys.argv[1]
pathlib.Path("said.txt").open("a").write(" ".join(sys.argv[1:]) + "\\n")
file = pathlib.Path(word + ".json")
print(file.read_text() if file.exists() else '{"services": []}')
if word == "up" and not file.exists():
    sys.exit(1)
"""


class SmallShop:
    """The shop's HTTP contract in one process; every `shaky`-th answer is lost."""

    def __init__(self, write: Callable[..., None], shaky: int = 0) -> None:
        """Keep where rows are written and how often an answer is lost."""
        self._write = write
        self._shaky = shaky
        self._calls = 0
        self.prices: dict[str, int] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        self.bought: Counter[tuple[str, str]] = Counter()
        self.paid: dict[tuple[str, str], tuple[int, int, str, str]] = {}

    def app(self) -> web.Application:
        """Return the shop as an application."""
        app = web.Application(middlewares=[self.losing])
        app.router.add_put("/v1/products/{sku}", self.keep)
        app.router.add_post("/v1/quotes", self.quote)
        app.router.add_post("/v1/orders", self.order)
        app.router.add_post("/v1/cancellations", self.cancel)
        return app

    @web.middleware
    async def losing(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Lose some answers after the work was done, as a killed service does."""
        self._calls += 1
        response: web.StreamResponse = await handler(request)
        if self._shaky and self._calls % self._shaky == 0:
            if self._calls % 2:
                return web.json_response({}, status=503)
            assert request.transport is not None
            request.transport.close()
        return response

    async def quote(self, request: web.Request) -> web.Response:
        """Answer with the products that are known."""
        skus = (await request.json())["skus"]
        known = [it for it in skus if it in self.prices]
        quotes = [{"sku": it, "price_pence": self.prices[it]} for it in known]
        return web.json_response({"quotes": quotes})

    async def keep(self, request: web.Request) -> web.Response:
        """Keep a product, or refuse it with a kind."""
        sku, body = request.match_info["sku"], await request.json()
        if not sku[:5].isdigit():
            return web.json_response({"kind": "odd_code"}, status=422)
        if not body["name"]:
            return web.json_response({"kind": "no_description"}, status=422)
        if body["price_pence"] <= 0:
            return web.json_response({"kind": "price_not_positive"}, status=422)
        self.prices[sku] = body["price_pence"]
        return web.json_response({}, status=201)

    async def order(self, request: web.Request) -> web.Response:
        """Take an order once, and pay it at once."""
        key, body = request.headers["Idempotency-Key"], await request.json()
        if key in self.answers:
            return web.json_response(self.answers[key])
        bad = [
            {"index": index, "kind": "quantity_not_positive"}
            for index, line in enumerate(body["lines"])
            if line["quantity"] <= 0
        ]
        if bad:
            problem = {"kind": "bad_lines", "lines": bad}
            return web.json_response(problem, status=422)
        number, order_id = len(self.answers) + 1, str(uuid4())
        total, charge = 0, str(uuid4())
        for place, line in enumerate(body["lines"]):
            sku, units = line["sku"], line["quantity"]
            total += units * self.prices[sku]
            row = (number, place, sku, units, self.prices[sku])
            self._write("orders", "insert into order_lines values (?,?,?,?,?)", *row)
            self._sell(order_id, sku, units)
            if body["customer_id"]:
                kept = (number, place, order_id, charge)
                self.paid.setdefault((body["customer_id"], sku), kept)
        self._write("stock", "insert into holds values (?, 'sold')", order_id)
        values = (number, order_id, key, body["customer_id"], "paid", total, None)
        self._write("orders", "insert into orders values (?,?,?,?,?,?,?)", *values)
        taken = (charge, order_id, total, 0, "captured")
        self._write("payments", "insert into charges values (?,?,?,?,?)", *taken)
        mail = (order_id, "captured", "")
        self._write("notifications", "insert into mails values (?,?,?)", *mail)
        self.answers[key] = {"id": order_id}
        return web.json_response(self.answers[key], status=201)

    def _sell(self, order_id: str, sku: str, units: int) -> None:
        opened = "insert or ignore into counts values (?, 1000, 1000, 0, 0, 0)"
        self._write("stock", opened, sku)
        counted = "insert into receipts select 'opening', ?1, 1000 where not exists"
        once = f"{counted} (select 1 from receipts where sku = ?1)"
        self._write("stock", once, sku)
        line = "insert into hold_lines values (?, ?, ?)"
        self._write("stock", line, order_id, sku, units)
        sold = "update counts set on_hand = on_hand - ?1, sold = sold + ?1"
        self._write("stock", f"{sold} where sku = ?2", units, sku)

    async def cancel(self, request: web.Request) -> web.Response:
        """Take back what was bought; the test's day asks for no more than that."""
        key, body = request.headers["Idempotency-Key"], await request.json()
        if key in self.answers:
            return web.json_response(self.answers[key])
        cancellation = str(uuid4())
        values = (cancellation, key, body["customer_id"])
        self._write("orders", "insert into cancellations values (?,?,?)", *values)
        lines = []
        for line in body["lines"]:
            found = self.paid.get((body["customer_id"] or "", line["sku"]))
            reason = None if found else "no_matching_purchase"
            reason = reason if body["customer_id"] else "no_customer"
            lines.append({"accepted": reason is None, "reason": reason})
            if found and reason is None:
                self._give_back(cancellation, line, found)
        self.answers[key] = {"lines": lines}
        return web.json_response(self.answers[key], status=201)

    def _give_back(
        self, cancellation: str, line: Any, found: tuple[int, int, str, str]
    ) -> None:
        number, place, order_id, charge = found
        refund, units = str(uuid4()), line["quantity"]
        pence = units * self.prices[line["sku"]]
        row = (refund, cancellation, number, place, units, pence, "refunded")
        self._write("orders", "insert into refunds values (?,?,?,?,?,?,?)", *row)
        back = (refund, charge, pence, "refunded")
        self._write("payments", "insert into refunds values (?,?,?,?)", *back)
        paid_out = "update charges set refunded_pence = ? where id = ?"
        self._write("payments", paid_out, pence, charge)
        came = (refund, order_id, line["sku"], units)
        self._write("stock", "insert into returns values (?,?,?,?)", *came)
        free = "update counts set on_hand = on_hand + ?1, returned = returned + ?1"
        self._write("stock", f"{free} where sku = ?2", units, line["sku"])
        mail = (order_id, "refunded", refund)
        self._write("notifications", "insert into mails values (?,?,?)", *mail)


class SmallFleet(RunningFleet):
    """A fleet whose tool is a script that prints what files say."""

    def __init__(self, folder: Path) -> None:
        """Lay out the folder of a fleet that does not run."""
        tool = folder / "tool.py"
        tool.write_text(TOOL)
        super().__init__(folder, (sys.executable, str(tool)))
        self.folder = folder

    def says(self, word: str, services: list[dict[str, Any]]) -> None:
        """Decide what the tool answers to a word."""
        text = json.dumps({"services": services})
        (self.folder / f"{word}.json").write_text(text)

    def runs(self, url: str, files: Mapping[str, Path]) -> None:
        """Let the fleet run, every service at one address."""
        run = self.folder / ".fleet" / "run"
        run.mkdir(parents=True)
        (run / "map.json").write_text(json.dumps(dict.fromkeys(SHOP, url)))
        self.says("ps", [service(name, files.get(name)) for name in SHOP])


def service(name: str, file: Path | None = None, **facts: Any) -> dict[str, Any]:
    """Return what the tool tells about one service."""
    url = f"sqlite+aiosqlite:///{file}" if file else None
    known = {"name": name, "state": "ready", "pid": 1, "database_url": url}
    return known | {"exit_code": None} | facts


class Sleepers:
    """Real processes that are started again when they were killed."""

    def __init__(self, names: list[str]) -> None:
        """Start nothing yet."""
        self._names = names
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self.starts: Counter[str] = Counter()

    async def processes(self) -> dict[str, Process]:
        """Return all processes, the dead ones started anew."""
        for name in self._names:
            child = self._children.get(name)
            if child is None or child.returncode is not None:
                self._children[name] = await asyncio.create_subprocess_exec(
                    "sleep", "60"
                )
                self.starts[name] += 1
        return {
            name: Process(name, "ready", child.pid, None, None)
            for name, child in self._children.items()
        }

    async def close(self) -> None:
        """End every process."""
        for child in self._children.values():
            child.kill()
            await child.wait()
