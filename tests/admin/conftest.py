"""Servers of operators."""

from tests.sites import endpoint, stand_in

__all__ = ["endpoint", "stand_in"]
