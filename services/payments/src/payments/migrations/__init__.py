"""The history of the payments database, one script a step."""
