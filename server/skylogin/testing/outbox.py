"""The mails and codes that an app would have sent to its users."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, overload

from skylogin.client.admin_api import AdminClient, read_time
from skylogin.clock import monotonic

POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was not sent. *kind* is `reset` or `verification`."""

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
    used: bool

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Return the mail in a *row* of the admin API."""
        times = {name: read_time(row[name]) for name in ("at", "expires_at")}
        return cls(**{**row, **times})


class Outbox(Sequence[Mail]):
    """The mails since the app was reset, the oldest first. Each use asks the server."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def _load(self) -> list[Mail]:
        return [Mail.read(row) for row in self._admin.get("outbox")["mails"]]

    @overload
    def __getitem__(self, index: int) -> Mail: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mail]: ...
    def __getitem__(self, index: int | slice) -> Mail | Sequence[Mail]:
        """Return the mail at an index."""
        return self._load()[index]

    def __len__(self) -> int:
        """Return the number of mails."""
        return len(self._load())

    def __iter__(self) -> Iterator[Mail]:
        """Iterate over the mails."""
        return iter(self._load())

    def wait_for(self, to: str | None = None, timeout: float = 5) -> Mail:
        """Return the latest mail, or the latest *to* an address, past or future.

        Raises TimeoutError, which lists the other addresses.
        """
        deadline = monotonic() + timeout
        while True:
            mails = self._load()
            found = [mail for mail in mails if to in (None, mail.to)]
            if found:
                return found[-1]
            left = deadline - monotonic()
            if left <= 0:
                what = f"no mail to {to}" if to else "no mail"
                others = ", ".join(mail.to for mail in mails)
                found_instead = f"there were mails to {others}" if others else "there were none"
                raise TimeoutError(f"{what} in {timeout:g} s; {found_instead}")
            time.sleep(min(POLL_SECONDS, left))

    def clear(self) -> None:
        """Delete the mails. Their codes become invalid."""
        self._admin.ask("DELETE", "outbox")
