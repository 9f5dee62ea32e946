"""The mails and codes that an app would send to its users, kept for tests."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

MAILS_MAX = 500
RESET, VERIFICATION = "reset", "verification"


@dataclass(slots=True)
class Mail:
    """A mail or a short message that was not sent. *link* is below the app's endpoint.

    A verification is for the value *to* of the user's field *record_key*.
    """

    id: str
    at: datetime
    kind: str
    to: str
    user_id: str
    code: str
    expires_at: datetime
    link: str
    record_key: str
    text: str
    used: bool = False


class Outbox:
    """The latest mails of one app, the oldest first."""

    def __init__(self) -> None:
        self._latest: deque[Mail] = deque(maxlen=MAILS_MAX)

    def all(self) -> list[Mail]:
        """Return the mails."""
        return list(self._latest)

    def add(self, mail: Mail) -> None:
        """Keep a mail instead of sending it."""
        self._latest.append(mail)

    def find_verification(self, user_id: str, code: str) -> Mail | None:
        """Return the newest verification of a user with this code."""
        for mail in reversed(self._latest):
            if (mail.kind, mail.user_id, mail.code) == (VERIFICATION, user_id, code):
                return mail
        return None

    def clear(self) -> None:
        """Delete the mails, which makes their codes invalid."""
        self._latest.clear()
