"""Engines, transactions, retries, dialects, tables; knows no feature."""

from skylogin.database.database import Store, open_store
from skylogin.database.transaction import Transaction

__all__ = ["Store", "Transaction", "open_store"]
