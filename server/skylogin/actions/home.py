"""Actions outside the families: the home page, health, and what is only acknowledged."""

from skylogin.actions.call import Call, Services
from skylogin.actions.login_answer import OK
from skylogin.actions.payload import direct_text


async def home(call: Call, services: Services) -> object:
    """Say that the server is there."""
    return OK


async def forget_device(call: Call, services: Services) -> object:
    """Answer what the JavaScript SDK sends when it logs out; devices are not kept."""
    return {"id": direct_text(call.payload, "id")}
