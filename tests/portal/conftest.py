"""A browser, and servers of operators."""

from tests.browsers import browser, client
from tests.sites import endpoint, stand_in

__all__ = ["browser", "client", "endpoint", "stand_in"]
