"""Steps in the order they were written."""
