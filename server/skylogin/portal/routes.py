"""Every page and act of the portal."""

from skylogin.portal import controls_pages, logins_pages, pages, people_pages

ROUTES = [*pages.ROUTES, *people_pages.ROUTES, *logins_pages.ROUTES, *controls_pages.ROUTES]
