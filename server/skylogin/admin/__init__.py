"""The admin API: one module per family of paths."""
