"""Reading, applying and exporting seeds."""
