"""The shop's web page: products, a basket, an order and what becomes of it."""
