"""What the HTTP endpoints share."""
