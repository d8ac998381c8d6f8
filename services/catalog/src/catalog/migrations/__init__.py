"""The history of the catalog database, one script a step."""
