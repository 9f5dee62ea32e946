"""Tests that kill servers, and tests of servers that share a database."""
