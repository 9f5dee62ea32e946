"""Where users are kept: one set of statements, on SQLite and on PostgreSQL."""

from skylogin.store.database import Store, open_store
from skylogin.store.transaction import Transaction

__all__ = ["Store", "Transaction", "open_store"]
