"""CSV rows to invoices: typed values, and a clear error where a file is malformed.

What a row says is not judged here: a zero price, an odd code or a negative quantity is
well-formed, and the shop has to refuse it.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path

from fleetwright.errors import FleetwrightError
from shop_replay.sample import COLUMNS


class CsvError(FleetwrightError):
    """A file is not a CSV file of invoices."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an invoice, as it was typed.

    Attributes:
        sku: The stock code; may be odd.
        name: The description; may be empty.
        quantity: Units; negative where they came back.
        price_pence: Price of one unit, in pence; may be 0 or less.
        place: The file and line it stands on.
    """

    sku: str
    name: str
    quantity: int
    price_pence: int
    place: str


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice or cancellation.

    Attributes:
        number: The shop's number; starts with C for a cancellation.
        customer_id: Digits, or None for an unknown customer.
        country: Where the customer is.
        moment: When its first row was written.
        rows: Its lines, at least one, in the order of the file.
    """

    number: str
    customer_id: str | None
    country: str
    moment: datetime
    rows: tuple[Row, ...]

    @property
    def is_cancellation(self) -> bool:
        """Whether things come back by it."""
        return self.number.startswith("C")


def read_invoices(paths: Iterable[Path]) -> list[Invoice]:
    """Return the invoices of all files, in time order.

    Rows of one number belong to one invoice, wherever they stand. Invoices of the same
    minute keep the order of the files.

    Args:
        paths: CSV files with the columns of `sample.COLUMNS`.

    Returns:
        Every invoice, the oldest first.

    Raises:
        CsvError: A file cannot be read, a column is missing or a value has the wrong
            type.
    """
    rows: dict[str, list[Row]] = {}
    heads: dict[str, tuple[str | None, str, datetime]] = {}
    for path in paths:
        for place, values in _records(path):
            number = _text(values, "InvoiceNo", place)
            row, head = _row(values, place), _head(values, place)
            rows.setdefault(number, []).append(row)
            known = heads.setdefault(number, head)
            if known[:2] != head[:2]:
                raise CsvError(
                    f"invoice {number} has two customers or countries",
                    where=f"{place}: {head[:2]}, before: {known[:2]}",
                    hint="give each invoice one CustomerID and one Country",
                )
    found = [
        Invoice(number, *heads[number], rows=tuple(lines))
        for number, lines in rows.items()
    ]
    return sorted(found, key=lambda invoice: invoice.moment)


def _records(path: Path) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [it for it in COLUMNS if it not in (reader.fieldnames or ())]
            if missing:
                raise CsvError(
                    f"no column {', '.join(missing)}",
                    where=f"{path}, line 1",
                    hint=f"the first line must name {', '.join(COLUMNS)}",
                )
            for values in reader:
                place = f"{path}, line {reader.line_num}"
                if None in values:
                    raise CsvError(
                        f"more than {len(reader.fieldnames or ())} values in a row",
                        where=place,
                        hint="put values with commas in double quotes",
                    )
                yield place, values
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CsvError(
            f"not a readable CSV file: {error}",
            where=str(path),
            hint="give paths of UTF-8 CSV files of invoices",
        ) from error


def _head(
    values: Mapping[str, str | None], place: str
) -> tuple[str | None, str, datetime]:
    text = _text(values, "InvoiceDate", place)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _wrong("InvoiceDate", text, place, "YYYY-MM-DD HH:MM:SS") from error
    country = _text(values, "Country", place)
    return _customer(values, place), country, moment


def _customer(values: Mapping[str, str | None], place: str) -> str | None:
    text = _text(values, "CustomerID", place, empty=True)
    if not text:
        return None
    digits = text.removesuffix(".0")
    if not (digits.isascii() and digits.isdigit()):
        raise _wrong("CustomerID", text, place, "digits such as 17850.0, or nothing")
    return digits


def _row(values: Mapping[str, str | None], place: str) -> Row:
    quantity = _number(values, "Quantity", place)
    if quantity != int(quantity):
        raise _wrong("Quantity", str(quantity), place, "a whole number")
    pence = _number(values, "UnitPrice", place) * 100
    return Row(
        sku=_text(values, "StockCode", place),
        name=_text(values, "Description", place, empty=True),
        quantity=int(quantity),
        # Fractions of a penny exist in such data; the shop counts in whole pence.
        price_pence=int(pence.quantize(Decimal(1), rounding=ROUND_HALF_UP)),
        place=place,
    )


def _number(values: Mapping[str, str | None], column: str, place: str) -> Decimal:
    text = _text(values, column, place)
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise _wrong(column, text, place, "a number such as 2.55") from error
    if not number.is_finite() or abs(number) > 10**9:
        raise _wrong(column, text, place, "a number below 1,000,000,000")
    return number


def _text(
    values: Mapping[str, str | None], column: str, place: str, *, empty: bool = False
) -> str:
    text = values[column]
    if text is None:
        raise CsvError(
            f"the row ends before {column}",
            where=place,
            hint=f"give every row {len(COLUMNS)} values",
        )
    if not text.strip() and not empty:
        raise _wrong(column, text, place, "a value")
    return text.strip()


def _wrong(column: str, text: str, place: str, wanted: str) -> CsvError:
    return CsvError(
        f"{column}={text!r} is not {wanted}",
        where=place,
        hint="mend the row, or leave the file out",
    )
