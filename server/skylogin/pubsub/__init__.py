"""Websockets: who hears what."""
