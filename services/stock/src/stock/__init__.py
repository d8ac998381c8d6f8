"""The stock service: holds units of products for orders and counts them."""
