"""Devices: kept per app, each with at most one user."""

from typing import Any

from sqlalchemy import Select, delete, insert, select, update

from skylogin.database import dialect
from skylogin.database.tables import devices
from skylogin.database.transaction import Transaction
from skylogin.domain.device import Device


async def lock(tx: Transaction, app: str, device_id: str) -> Device | None:
    """Return a device, locked against changes; None if it does not exist."""
    query = _query(app).where(devices.c.id == device_id)
    locked = dialect.locked(query, devices.c.id, [devices], tx.dialect)
    row = (await tx.connection.execute(locked)).first()
    return _read(row) if row else None


async def load_of_user(tx: Transaction, app: str, user_id: str) -> list[Device]:
    """Return the devices of a user, the one that was registered last first."""
    query = _query(app).where(devices.c.user_id == user_id)
    query = query.order_by(devices.c.last_registered_at.desc(), devices.c.id)
    return [_read(row) for row in await tx.connection.execute(query)]


async def replace(tx: Transaction, app: str, device: Device) -> None:
    """Save *device*, and remove all devices that have its token.

    A device that stays keeps its token and topic where *device* has none; one that had the
    same token is removed first, so it loses its topic.
    """
    # The original: `DeleteDevicesByToken`, then an update of the columns that have a value.
    with_token = devices.c.app == app, devices.c.token == device.token
    await tx.connection.execute(delete(devices).where(*with_token))
    columns: dict[str, Any] = {
        "type": device.type,
        "user_id": device.user_id or None,
        "last_registered_at": device.last_registered_at,
    }
    if device.token:
        columns["token"] = device.token
    if device.topic:
        columns["topic"] = device.topic
    is_same = devices.c.app == app, devices.c.id == device.id
    changed = await tx.connection.execute(update(devices).where(*is_same).values(columns))
    if not changed.rowcount:
        values = {"app": app, "id": device.id, **columns}
        await tx.connection.execute(insert(devices).values(values))


def _query(app: str) -> Select[Any]:
    return select(devices).where(devices.c.app == app)


def _read(row: Any) -> Device:
    return Device(
        row.id,
        row.type,
        row.token or "",
        row.topic or "",
        row.user_id or "",
        row.last_registered_at,
    )
