"""A made-up day of invoices, as dirty as real ones, for where no data is at hand."""

import csv
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
WORDS = ("WHITE", "METAL", "LANTERN", "RED", "RETROSPOT", "CAKE", "TIN", "TEA", "LIGHT")
ODD_CODES = ("POST", "M", "BANK CHARGES", "gift_0001_20")
PRODUCTS = 300
CUSTOMERS = 60


def write_sample(path: Path, invoices: int, seed: int) -> None:
    """Write one CSV file of made-up invoices; the same seed gives the same bytes.

    One invoice in ten is a cancellation, of which half match an earlier purchase; one
    row in fifty is bad (odd code, no description, zero price, negative quantity), one
    in ten has another price than the product had before, one in four no customer.

    Args:
        path: Where to write; an existing file is replaced.
        invoices: How many invoices, at least 1.
        seed: What the day is made from.
    """
    random = Random(seed)
    prices = {f"{20000 + n}": random.randint(10, 1500) for n in range(PRODUCTS)}
    bought: list[tuple[str, str, int]] = []
    moment = datetime(2011, 1, 10, 8, 0)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for number in range(invoices):
            moment += timedelta(minutes=1)
            if bought and random.random() < 0.1:
                rows.writerow(_cancellation(random, number, moment, bought))
                continue
            customer = (
                ""
                if random.random() < 0.25
                else f"{random.randrange(CUSTOMERS) + 12300}.0"
            )
            for _ in range(random.randint(1, 30)):
                sku, quantity = random.choice(list(prices)), random.randint(1, 24)
                if random.random() < 0.1:
                    prices[sku] = random.randint(10, 1500)
                row = [
                    str(540000 + number),
                    sku,
                    f"{random.choice(WORDS)} {random.choice(WORDS)} {sku}",
                    str(quantity),
                    f"{moment}",
                    f"{prices[sku] / 100}",
                    customer,
                    "United Kingdom",
                ]
                if random.random() < 0.02:
                    _spoil(random, row)
                elif customer:
                    bought.append((customer, sku, quantity))
                rows.writerow(row)


def _cancellation(
    random: Random, number: int, moment: datetime, bought: list[tuple[str, str, int]]
) -> list[str]:
    """Return a row that takes something back, in half of the cases something bought."""
    customer, sku, quantity = bought.pop(random.randrange(len(bought)))
    if random.random() < 0.5:
        quantity += 1000
    return [
        f"C{540000 + number}",
        sku,
        f"RETURNED {sku}",
        str(-quantity),
        f"{moment}",
        "1.0",
        customer,
        "United Kingdom",
    ]


def _spoil(random: Random, row: list[str]) -> None:
    """Make one of the usual mistakes in a row."""
    match random.randrange(4):
        case 0:
            row[1] = random.choice(ODD_CODES)
        case 1:
            row[1], row[2] = "99999", ""
        case 2:
            row[5] = "0.0"
        case _:
            row[3] = f"-{row[3]}"
