"""What tests of other projects use: a server of their own, and an app of it seen from outside."""

from skylogin.testing.app import LoggedIn, SkyloginApp
from skylogin.testing.attempts import Attempt
from skylogin.testing.faults import Fault
from skylogin.testing.refusals import AdminError, CallRefusedError, LoginRefusedError
from skylogin.testing.server import RunningServer, SkyloginServer
from skylogin.testing.users import User

__all__ = [
    "AdminError",
    "Attempt",
    "CallRefusedError",
    "Fault",
    "LoggedIn",
    "LoginRefusedError",
    "RunningServer",
    "SkyloginApp",
    "SkyloginServer",
    "User",
]
