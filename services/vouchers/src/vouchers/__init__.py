"""The vouchers service: issues vouchers and redeems each once."""
