"""`device:*`: the devices that apps register for push notifications.

Any user may register or unregister any device whose id they know, as in the original.
"""

from skylogin.actions.call import Call
from skylogin.actions.payload import read_member, read_storable_text
from skylogin.actions.services import Services
from skylogin.database import Transaction
from skylogin.domain.device import TOKEN_BYTES_MAX, TYPES, Device
from skylogin.domain.limits import check_storable
from skylogin.errors import (
    RESOURCE_NOT_FOUND,
    SkygearError,
    auth_not_found,
    invalid_argument,
)
from skylogin.store import devices, users


async def register(call: Call, services: Services) -> object:
    """Register a new device for the caller, or give the caller the device `id`."""
    wanted = _read_device(call)
    new_id = services.ids.random_id()

    async def work(tx: Transaction) -> str:
        if not await users.load(tx, call.app.name, [wanted.user_id], lock=True):
            # The user was deleted after the call's checks.
            raise auth_not_found()
        if wanted.id:
            await _lock(tx, call.app.name, wanted.id)
        device = wanted._replace(id=wanted.id or new_id)
        await devices.replace(tx, call.app.name, device)
        return device.id

    return {"id": await services.store.run(work)}


async def unregister(call: Call, services: Services) -> object:
    """Remove the user of a device. The device stays; others with its token are deleted."""
    device_id = read_storable_text(call.payload, "ID")
    if not device_id:
        raise invalid_argument("Missing device id", "id")

    async def work(tx: Transaction) -> None:
        device = await _lock(tx, call.app.name, device_id)
        await devices.replace(tx, call.app.name, device._replace(user_id=""))

    await services.store.run(work)
    return {"id": device_id}


def _read_device(call: Call) -> Device:
    """Return what a call says about the caller's device; a new one has no id yet."""
    # The original's spelling, which takes precedence over any other case.
    names = ("ID", "Type", "device_token", "Topic")
    device_id, kind, token, topic = (read_member(call.payload, name, "") for name in names)
    if not kind:
        raise invalid_argument("empty device type", "type")
    if kind not in TYPES:
        raise invalid_argument(f"unknown device type = {kind}", "type")
    check_storable([device_id, token, topic])
    if len(token.encode()) > TOKEN_BYTES_MAX:
        message = f"device token is longer than {TOKEN_BYTES_MAX} bytes"
        raise invalid_argument(message, "device_token")
    return Device(device_id, kind, token, topic, call.user_id, call.now)


async def _lock(tx: Transaction, app: str, device_id: str) -> Device:
    device = await devices.lock(tx, app, device_id)
    if device is None:
        raise SkygearError(RESOURCE_NOT_FOUND, "Device not found")
    return device
