"""What is generated from stock.proto."""

import subprocess
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import MethodOptions

from shop_stock import stock_pb2

ROOT = Path(__file__).resolve().parents[4]


def test_the_generated_files_are_fresh() -> None:
    """Whoever edits the .proto runs scripts/protos."""
    checked = subprocess.run(
        [ROOT / "scripts" / "protos", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("Hold", MethodOptions.IDEMPOTENT),
        ("Release", MethodOptions.IDEMPOTENT),
        ("Receive", MethodOptions.IDEMPOTENT),
        ("Counts", MethodOptions.NO_SIDE_EFFECTS),
    ],
)
def test_every_method_may_be_called_again(method: str, level: int) -> None:
    """Callers retry by what the .proto says."""
    service = stock_pb2.DESCRIPTOR.services_by_name["Stock"]

    assert service.methods_by_name[method].GetOptions().idempotency_level == level


def test_the_wire_keeps_its_numbers() -> None:
    """A field that changes its number breaks every peer of another version."""
    numbers = {
        name: [(field.number, field.name) for field in message.fields]
        for name, message in stock_pb2.DESCRIPTOR.message_types_by_name.items()
    }

    assert numbers == {
        "Units": [(1, "sku"), (2, "quantity")],
        "HoldRequest": [(1, "hold_id"), (2, "lines")],
        "HoldReply": [(1, "held"), (2, "missing")],
        "Shortage": [(1, "sku"), (2, "wanted"), (3, "on_hand")],
        "ReleaseRequest": [(1, "hold_id")],
        "ReleaseReply": [(1, "released")],
        "ReceiveRequest": [(1, "delivery_id"), (2, "lines")],
        "ReceiveReply": [(1, "received")],
        "CountsRequest": [(1, "skus")],
        "CountsReply": [(1, "counts")],
        "Count": [
            (1, "sku"),
            (2, "received"),
            (3, "on_hand"),
            (4, "held"),
            (5, "sold"),
            (6, "returned"),
        ],
    }
