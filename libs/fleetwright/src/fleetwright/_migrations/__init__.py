"""The one Alembic environment of all services."""
