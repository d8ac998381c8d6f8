"""The history of the orders database, one script a step."""
