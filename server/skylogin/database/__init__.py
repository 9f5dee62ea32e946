"""Engines, transactions, retries, dialects, tables; knows no feature."""

from skylogin.database.database import Store
from skylogin.database.transaction import Transaction
from skylogin.database.version_table import ForeignDatabaseError

__all__ = ["ForeignDatabaseError", "Store", "Transaction"]
