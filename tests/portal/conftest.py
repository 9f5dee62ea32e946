"""A browser, and the application as operators use it."""

from tests.browsers import browser, client
from tests.sites import dev_site, make_site, serve_site, site_app

__all__ = ["browser", "client", "dev_site", "make_site", "serve_site", "site_app"]
