"""Messages and stub of the stock service, made from stock.proto."""
