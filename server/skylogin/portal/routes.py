"""Every page and act of the portal."""

from skylogin.portal import pages, people_pages

ROUTES = [*pages.ROUTES, *people_pages.ROUTES]
