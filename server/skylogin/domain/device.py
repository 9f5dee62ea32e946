"""A device of a user, as an app registers it for push notifications."""

from datetime import datetime
from typing import NamedTuple

TYPES = ("ios", "android", "baidu-android")
TOKEN_BYTES_MAX = 2500


class Device(NamedTuple):
    """A device. *user_id* is empty once it is unregistered; *token* and *topic* may be empty."""

    id: str
    type: str
    token: str
    topic: str
    user_id: str
    last_registered_at: datetime
