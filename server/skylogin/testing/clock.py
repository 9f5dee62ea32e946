"""The clock of an app, which a test may set."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from skylogin.client.admin_api import AdminClient, read_time, write_time


class AppClock:
    """The time of an app. Each method returns the time that the clock then shows."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def now(self) -> datetime:
        """Return the time."""
        return _time(self._admin.get("clock"))

    def freeze(self, at: datetime | None = None) -> datetime:
        """Stop the clock, now or *at* a time."""
        return self._put(at, frozen=True)

    def unfreeze(self) -> datetime:
        """Let the clock continue from the time it shows."""
        return self._put(None, frozen=False)

    def set(self, at: datetime) -> datetime:
        """Set the clock to *at*; it continues from there."""
        return self._put(at, frozen=False)

    def advance(self, by: float | timedelta = 0, **parts: float) -> datetime:
        """Advance by seconds, by a timedelta or by *parts* of one: `advance(hours=1)`.

        Negative values move the clock back. A frozen clock stays frozen.
        """
        length = by if isinstance(by, timedelta) else timedelta(seconds=by)
        seconds = (length + timedelta(**parts)).total_seconds()
        return _time(self._admin.post("clock", "advance", seconds=seconds))

    def reset(self) -> datetime:
        """Reset the clock to server time."""
        return _time(self._admin.ask("DELETE", "clock"))

    def _put(self, at: datetime | None, *, frozen: bool) -> datetime:
        body: dict[str, object] = {"frozen": frozen}
        if at is not None:
            body["now"] = write_time(at)
        return _time(self._admin.ask("PUT", "clock", body=body))

    def __repr__(self) -> str:
        """Show the time."""
        return f"<clock: {self.now().isoformat()}>"


def _time(answer: Mapping[str, Any]) -> datetime:
    return read_time(answer["now"])
