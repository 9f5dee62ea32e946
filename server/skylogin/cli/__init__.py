"""Commands; `main` registers them, nothing imports `main`."""
