"""Every page and act of the portal."""

from skylogin.portal import controls, login_attempts, pages, users

ROUTES = [*pages.ROUTES, *users.ROUTES, *login_attempts.ROUTES, *controls.ROUTES]
