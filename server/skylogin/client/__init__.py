"""Talks to a server's admin API, from a command or a test."""
