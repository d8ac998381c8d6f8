"""The history of the vouchers database, one script a step."""
