"""The Developer Portal: one module per family of pages."""
