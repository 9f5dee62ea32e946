"""The page Secrets."""

from datetime import datetime, timedelta

from aiohttp import web

from skylogin.config import MASK
from skylogin.operations import overview, secrets
from skylogin.operations.operator import RefusedError
from skylogin.operations.overview import DAYS, IN_USE, SecretUses
from skylogin.portal import chart
from skylogin.portal.request import PageRequest
from skylogin.relative_time import ago

OVERLAP_HOURS = "24"
SPARK_SIZE = (140, 28)


async def show_secrets(request: PageRequest) -> web.Response:
    """Show the secrets, with the text of the selected one."""
    now = request.operator.now()
    listing = await secrets.listing(request.operator, request.app)
    uses = await overview.secret_uses(request.operator, request.app)
    # The newest one signs, so it is the current one.
    accepted = [one.id for one in listing.secrets if one.accepted_at(now)]
    rows = [
        {
            "secret": one,
            "is_accepted": one.id in accepted,
            "is_current": accepted[:1] == [one.id],
            "is_shown": request.text("show") == one.id,
            "used": uses[one.id],
            "bars": chart.bars_of(uses[one.id].last_7_days, *SPARK_SIZE),
            "advice": advice(one.id, accepted, uses[one.id], now),
        }
        for one in listing.secrets
    ]
    rows.sort(key=lambda row: not row["is_accepted"])
    return request.render("secrets.html", rows=rows, is_fixed=listing.is_fixed, mask=MASK)


def advice(secret_id: str, accepted: list[str], uses: SecretUses, now: datetime) -> str:
    """Return whether an accepted secret can be revoked."""
    last = uses.last_used_at
    if accepted == [secret_id]:
        return (
            "Do not revoke it: it is the only valid secret, so every custom token would be refused."
        )
    if accepted[:1] == [secret_id]:
        return "Do not revoke it: your authentication server should sign with it."
    if last is None or now - last > timedelta(days=DAYS):
        return f"Safe to revoke: no login used it in the last {DAYS} days."
    if now - last > IN_USE:
        return f"Probably safe to revoke: the last login with it was {ago(last, now)}."
    return f"Not yet safe to revoke: a login used it {ago(last, now)}."


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
    await secrets.revoke(request.operator, request.app, request.parameters["secret_id"])
    return request.redirect("secrets", "revoked")
