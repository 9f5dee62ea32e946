"""The application as operators and their tests use it."""

from tests.sites import dev_site, make_site, serve_site, site_app

__all__ = ["dev_site", "make_site", "serve_site", "site_app"]
