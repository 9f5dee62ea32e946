"""What goes wrong on purpose: calls that come late, are refused, or break off."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from skylogin.client.admin_api import AdminClient


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it was when it was looked up. *struck* counts the calls that it has met."""

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
        """Return the fault that the admin API shows as *row*."""
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
        """End it before its time."""
        self._admin.ask("DELETE", "faults", self.id)


class Faults:
    """The faults in force. *how* is what all of them take: see docs/testing.md."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def add(self, kind: str, action: str = "*", **how: object) -> Fault:
        """Have calls of *action* go wrong: the next one, or as many as *how* says."""
        row = self._admin.post("faults", kind=kind, action=action, **how)
        return Fault.read(row, self._admin)

    def latency(self, seconds: float, action: str = "*", **how: object) -> Fault:
        """Have the answer come later."""
        return self.add("latency", action, seconds=seconds, **how)

    def error(
        self, name: str, message: str | None = None, action: str = "*", **how: object
    ) -> Fault:
        """Have the call refused with an error of Skygear's, such as `ResourceNotFound`."""
        return self.add("error", action, error=name, message=message, **how)

    def status(self, status: int, action: str = "*", **how: object) -> Fault:
        """Have the answer be a bare status, as a proxy's would be."""
        return self.add("status", action, status=status, **how)

    def drop(self, action: str = "*", **how: object) -> Fault:
        """Have the connection closed without an answer; `after=True`: after the call is done."""
        return self.add("drop", action, **how)

    def truncate(self, action: str = "*", **how: object) -> Fault:
        """Have the connection closed in the middle of the answer."""
        return self.add("truncate", action, **how)

    def database_busy(self, action: str = "*", **how: object) -> Fault:
        """Have the call refused as when the database keeps being busy."""
        return self.add("database_busy", action, **how)

    def clear(self) -> None:
        """End them all."""
        self._admin.ask("DELETE", "faults")

    def __iter__(self) -> Iterator[Fault]:
        """Go through those that are still in force."""
        return iter([Fault.read(row, self._admin) for row in self._admin.get("faults")["faults"]])
