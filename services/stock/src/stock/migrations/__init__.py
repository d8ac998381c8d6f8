"""The history of the notifications database, one script a step."""
