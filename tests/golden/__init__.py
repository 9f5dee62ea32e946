"""The recorded answers of the original, and what plays them against a server."""
