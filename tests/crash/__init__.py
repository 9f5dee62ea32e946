"""Servers that are killed, and servers that share a database."""
