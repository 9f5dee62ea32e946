"""Text formats exactly as Go reads and writes them."""
