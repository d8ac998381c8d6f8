"""AsyncDatabase and Database: a service's own database, for async and for sync code."""

from fleetwright._async_database import AsyncDatabase
from fleetwright._postgres import Pool
from fleetwright._sync_database import Database

__all__ = ["AsyncDatabase", "Database", "Pool"]
