"""The clock of an app, which a test may move."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from skylogin.client.admin_api import AdminClient, as_text, moment


class AppClock:
    """What time it is for an app. Each verb returns what the clock then says."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def now(self) -> datetime:
        """Return the time."""
        return _time(self._admin.get("clock"))

    def freeze(self, at: datetime | None = None) -> datetime:
        """Have it stand still, now or *at* a time."""
        return self._put(at, frozen=True)

    def unfreeze(self) -> datetime:
        """Have it go on from where it stands."""
        return self._put(None, frozen=False)

    def set(self, at: datetime) -> datetime:
        """Have it say *at*, and go on from there."""
        return self._put(at, frozen=False)

    def advance(self, by: float | timedelta = 0, **parts: float) -> datetime:
        """Move it by seconds, by a timedelta or by *parts* of one: `advance(hours=1)`.

        What is negative moves it back. A clock that stands still goes on standing.
        """
        length = by if isinstance(by, timedelta) else timedelta(seconds=by)
        seconds = (length + timedelta(**parts)).total_seconds()
        return _time(self._admin.post("clock", "advance", seconds=seconds))

    def reset(self) -> datetime:
        """Have it say what the system's clock says."""
        return _time(self._admin.ask("DELETE", "clock"))

    def _put(self, at: datetime | None, *, frozen: bool) -> datetime:
        body: dict[str, object] = {"frozen": frozen}
        if at is not None:
            body["now"] = as_text(at)
        return _time(self._admin.ask("PUT", "clock", body=body))

    def __repr__(self) -> str:
        """Show the time."""
        return f"<clock: {self.now().isoformat()}>"


def _time(answer: Mapping[str, Any]) -> datetime:
    return moment(answer["now"])
