"""What the HTTP interfaces share."""
