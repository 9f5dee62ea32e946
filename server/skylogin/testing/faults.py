"""Faults that a test injects: calls that are slow, refused or cut off."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from skylogin.client.admin_api import AdminClient


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it was when it was looked up. *struck* is the number of calls it has affected."""

    id: str
    kind: str
    action: str
    calls_left: int
    struck: int
    expires_in: float
    details: Mapping[str, Any]
    _admin: AdminClient = field(repr=False, compare=False)

    @classmethod
    def read(cls, row: Mapping[str, Any], admin: AdminClient) -> Self:
        """Return the fault in a *row* of the admin API."""
        return cls(
            id=row["id"],
            kind=row["kind"],
            action=row["action"],
            calls_left=row["calls_left"],
            struck=row["struck"],
            expires_in=row["expires_in"],
            details=row,
            _admin=admin,
        )

    def end(self) -> None:
        """Remove the fault."""
        self._admin.ask("DELETE", "faults", self.id)


class Faults:
    """The active faults. docs/testing.md lists the options that all kinds take."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def add(self, kind: str, action: str = "*", **options: object) -> Fault:
        """Make calls of *action* fail: by default the next one only."""
        row = self._admin.post("faults", kind=kind, action=action, **options)
        return Fault.read(row, self._admin)

    def latency(self, seconds: float, action: str = "*", **options: object) -> Fault:
        """Delay the answer."""
        return self.add("latency", action, seconds=seconds, **options)

    def error(
        self, name: str, message: str | None = None, action: str = "*", **options: object
    ) -> Fault:
        """Refuse the call with an error of Skygear, such as `ResourceNotFound`."""
        return self.add("error", action, error=name, message=message, **options)

    def status(self, status: int, action: str = "*", **options: object) -> Fault:
        """Answer with a status and no Skygear body, as a proxy would."""
        return self.add("status", action, status=status, **options)

    def drop(self, action: str = "*", **options: object) -> Fault:
        """Close the connection without an answer; with `after=True`, carry the call out first."""
        return self.add("drop", action, **options)

    def truncate(self, action: str = "*", **options: object) -> Fault:
        """Close the connection in the middle of the answer."""
        return self.add("truncate", action, **options)

    def database_busy(self, action: str = "*", **options: object) -> Fault:
        """Refuse the call as if the database stayed busy."""
        return self.add("database_busy", action, **options)

    def rate(self, limit: int, window: float, action: str = "*", **options: object) -> Fault:
        """Let *limit* calls pass in *window* seconds by the app's clock; answer others with 429."""
        return self.add("rate", action, limit=limit, window=window, **options)

    def clear(self) -> None:
        """Remove all faults."""
        self._admin.ask("DELETE", "faults")

    def __iter__(self) -> Iterator[Fault]:
        """Iterate over the active faults."""
        return iter([Fault.read(row, self._admin) for row in self._admin.get("faults")["faults"]])
