"""The examples and the recipes for CI, run as their readers run them."""
