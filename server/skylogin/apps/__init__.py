"""An app as a running server holds it."""
