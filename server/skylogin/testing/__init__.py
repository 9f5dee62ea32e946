"""A server and an app as a test sees them."""

from skylogin.client.errors import AdminError, CallRefusedError, LoginRefusedError
from skylogin.testing.app import LoggedIn, SkyloginApp
from skylogin.testing.calls import RecordedCall
from skylogin.testing.faults import Fault
from skylogin.testing.login_attempts import Attempt
from skylogin.testing.outbox import Mail
from skylogin.testing.server import RunningServer, SkyloginServer
from skylogin.testing.stubs import Stub
from skylogin.testing.users import User

__all__ = [
    "AdminError",
    "Attempt",
    "CallRefusedError",
    "Fault",
    "LoggedIn",
    "LoginRefusedError",
    "Mail",
    "RecordedCall",
    "RunningServer",
    "SkyloginApp",
    "SkyloginServer",
    "Stub",
    "User",
]
