"""One module per group of tables."""
