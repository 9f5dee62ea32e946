"""Websockets: which clients get which messages."""
