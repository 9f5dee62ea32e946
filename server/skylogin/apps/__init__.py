"""An app in a running server."""
