"""The page Secrets."""

from datetime import timedelta

from aiohttp import web

from skylogin.operations import overview, secrets
from skylogin.operations.operator import RefusedError
from skylogin.portal.request import PageRequest

OVERLAP_HOURS = "24"


async def show_secrets(request: PageRequest) -> web.Response:
    """Show the secrets, with the text of the selected one."""
    now = request.operator.now()
    listing = await secrets.listing(request.operator, request.app)
    uses = await overview.secret_uses(request.operator, request.app)
    rows = [
        {
            "secret": one,
            "is_accepted": one.accepted_at(now),
            "is_shown": request.text("show") == one.id,
            "used": uses[one.id],
        }
        for one in listing.secrets
    ]
    rows.sort(key=lambda row: not row["is_accepted"])
    return request.render("secrets.html", rows=rows, is_fixed=listing.is_fixed)


async def rotate_secret(request: PageRequest) -> web.Response:
    """Make a new secret."""
    hours = request.text("overlap_hours") or OVERLAP_HOURS
    try:
        overlap = timedelta(hours=float(hours))
    except (ValueError, OverflowError):
        raise RefusedError(f"{hours!r} is not a number of hours.") from None
    rotation = await secrets.rotate(request.operator, request.app, overlap)
    return request.redirect(f"secrets?show={rotation.new.id}", "rotated")


async def confirm_revoke(request: PageRequest) -> web.Response:
    """Ask for confirmation before a secret is revoked."""
    found = await secrets.get(request.operator, request.app, request.parameters["secret_id"])
    uses = await overview.secret_uses(request.operator, request.app)
    return request.render("revoke.html", secret=found, used=uses[found.id])


async def revoke_secret(request: PageRequest) -> web.Response:
    """Revoke a secret."""
    await secrets.revoke(request.operator, request.app, request.parameters["secret_id"])
    return request.redirect("secrets", "revoked")
