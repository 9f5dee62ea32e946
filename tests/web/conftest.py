"""The application as operators use it."""

from tests.sites import make_site, serve_site, site_app

__all__ = ["make_site", "serve_site", "site_app"]
