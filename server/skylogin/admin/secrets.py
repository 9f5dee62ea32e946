"""The admin API's operations on custom token secrets."""

from collections.abc import Mapping
from datetime import timedelta

from skylogin.admin.request import AdminRequest, Json, time_text
from skylogin.operations import overview, secrets
from skylogin.operations.overview import SecretUses
from skylogin.store.secrets import StoredSecret


async def list_secrets(request: AdminRequest) -> Json:
    """List the secrets, without their texts."""
    listing = await secrets.listing(request.operator, request.app)
    uses = await _uses(request)
    return {
        "from_environment": listing.is_fixed,
        "secrets": [_secret_body(request, one, uses) for one in listing.secrets],
    }


async def get_secret(request: AdminRequest) -> Json:
    """Show one secret with its text."""
    secret_id = request.parameters["secret_id"]
    found = await secrets.get(request.operator, request.app, secret_id)
    return {**_secret_body(request, found, await _uses(request)), "secret": found.secret}


async def rotate_secret(request: AdminRequest) -> Json:
    """Make a new secret; the old ones end after the overlap."""
    overlap = timedelta(hours=request.body.get("overlap_hours", 24))
    rotation = await secrets.rotate(request.operator, request.app, overlap)
    uses = await _uses(request)
    return {
        "new": {**_secret_body(request, rotation.new, uses), "secret": rotation.new.secret},
        "old": [_secret_body(request, one, uses) for one in rotation.old],
    }


async def revoke_secret(request: AdminRequest) -> None:
    await secrets.revoke(request.operator, request.app, request.parameters["secret_id"])


async def _uses(request: AdminRequest) -> Mapping[str, SecretUses]:
    return await overview.secret_uses(request.operator, request.app)


def _secret_body(
    request: AdminRequest, secret: StoredSecret, uses: Mapping[str, SecretUses]
) -> Json:
    used = uses[secret.id]
    return {
        "id": secret.id,
        "created_at": time_text(secret.created_at),
        "ends_at": time_text(secret.ends_at),
        "accepted": secret.accepted_at(request.operator.now()),
        "uses_last_7_days": used.last_7_days,
        "last_used_at": time_text(used.last_used_at),
    }
