"""The catalog service: products, their names and their prices."""
