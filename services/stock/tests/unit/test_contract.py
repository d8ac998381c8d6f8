"""What stock promises over gRPC."""

import pytest

from shop_stock import stock_pb2
from shop_stock.stock_pb2_grpc import StockServicer
from stock.api import StockRpc

PROMISED = stock_pb2.DESCRIPTOR.services_by_name["Stock"].methods_by_name


@pytest.mark.parametrize("method", PROMISED)
def test_every_method_of_the_contract_is_served(method: str) -> None:
    """What the `.proto` names is answered by stock, not by the generated stand-in."""
    assert getattr(StockRpc, method) is not getattr(StockServicer, method)


def test_nothing_is_served_beside_the_contract() -> None:
    """A method that callers could use stands in the `.proto`."""
    served = {name for name in vars(StockRpc) if name[0].isupper()}

    assert served == set(PROMISED)
