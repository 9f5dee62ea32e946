"""The Developer Portal at `/portal/`: pages made by the server, which work without JavaScript."""
