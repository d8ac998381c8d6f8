"""CSV rows become invoices, or a clear error."""

from datetime import datetime
from pathlib import Path

import pytest

from shop_replay.reading import CsvError, read_invoices
from shop_replay.sample import COLUMNS, write_sample

GOOD = "536365,85123A,HEART HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom"


def written(folder: Path, *lines: str, head: str = ",".join(COLUMNS)) -> Path:
    """Return a CSV file with these lines."""
    path = folder / "day.csv"
    path.write_text("\n".join((head, *lines)) + "\n", encoding="utf-8")
    return path


def test_a_row_has_typed_values(tmp_path: Path) -> None:
    """Prices are whole pence, customers are digits, moments are moments."""
    [invoice] = read_invoices([written(tmp_path, GOOD)])

    [row] = invoice.rows
    assert (invoice.number, invoice.customer_id) == ("536365", "17850")
    assert invoice.moment == datetime(2010, 12, 1, 8, 26)
    assert invoice.country == "United Kingdom"
    assert not invoice.is_cancellation
    assert (row.sku, row.name, row.quantity, row.price_pence) == (
        "85123A",
        "HEART HOLDER",
        6,
        255,
    )
    assert row.place.endswith("day.csv, line 2")


def test_rows_of_one_number_are_one_invoice_and_invoices_are_in_time_order(
    tmp_path: Path,
) -> None:
    """Whatever the order of the file, the oldest invoice comes first."""
    path = written(
        tmp_path,
        "2,10002,B,1,2010-12-02 08:00:00,1.0,,France",
        "1,10002,A,1,2010-12-01 08:00:00,1.0,12345.0,France",
        "2,10080,C,1,2010-12-02 08:01:00,1.0,,France",
    )

    first, second = read_invoices([path])

    assert (first.number, first.customer_id, len(first.rows)) == ("1", "12345", 1)
    assert (second.number, second.customer_id, len(second.rows)) == ("2", None, 2)


def test_bad_business_is_well_formed(tmp_path: Path) -> None:
    """Odd codes, no description, zero prices and negative units are for the shop."""
    path = written(tmp_path, "C1,BANK CHARGES,,-1,2010-12-01 08:00:00,0.0,,France")

    [invoice] = read_invoices([path])

    assert invoice.is_cancellation
    assert invoice.rows[0].name == ""
    assert invoice.rows[0].quantity == -1
    assert invoice.rows[0].price_pence == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (GOOD.replace(",6,", ",six,"), "Quantity='six' is not a number"),
        (GOOD.replace(",6,", ",6.5,"), "is not a whole number"),
        (GOOD.replace("2.55", "free"), "UnitPrice='free'"),
        (GOOD.replace("2.55", "inf"), "a number below"),
        (GOOD.replace("2010-12-01 08:26:00", "yesterday"), "InvoiceDate='yesterday'"),
        (GOOD.replace("17850.0", "me"), "CustomerID='me'"),
        (GOOD.replace("85123A", ""), "StockCode='' is not a value"),
        ("536365,85123A", "the row ends before"),
        (GOOD + ",more", "more than 8 values"),
        (GOOD.replace("HEART", '"HEART'), "not a readable CSV file"),
    ],
)
def test_a_malformed_row_is_named_with_file_line_and_mend(
    tmp_path: Path, line: str, words: str
) -> None:
    """The error says what, where and the mend."""
    path = written(tmp_path, line)

    with pytest.raises(CsvError, match="hint: ") as caught:
        read_invoices([path])

    assert words in str(caught.value)
    assert "day.csv" in str(caught.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """The first line must name every column."""
    path = written(tmp_path, head="InvoiceNo,StockCode")

    with pytest.raises(CsvError, match="no column Description"):
        read_invoices([path])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path without a file is an error, not an empty day."""
    with pytest.raises(CsvError, match=r"none\.csv"):
        read_invoices([tmp_path / "none.csv"])


def test_an_invoice_of_two_customers_is_refused(tmp_path: Path) -> None:
    """Rows that disagree about the customer are a mistake of the file."""
    path = written(tmp_path, GOOD, GOOD.replace("17850", "17851"))

    with pytest.raises(CsvError, match="two customers"):
        read_invoices([path])


def test_the_made_up_day_reads_as_invoices(tmp_path: Path) -> None:
    """The sample is well-formed and the same for the same seed."""
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    write_sample(one, 50, seed=3)
    write_sample(two, 50, seed=3)

    invoices = read_invoices([one])

    assert len(invoices) == 50
    assert one.read_bytes() == two.read_bytes()
