"""Stubs: what a test answers to actions that skylogin does not emulate."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from skylogin.client.admin_api import AdminClient


@dataclass(frozen=True, slots=True)
class Stub:
    """A stub as it was when it was looked up. *used* is the number of calls it has answered."""

    id: str
    action: str
    used: int
    details: Mapping[str, Any]
    _admin: AdminClient = field(repr=False, compare=False)

    @classmethod
    def read(cls, row: Mapping[str, Any], admin: AdminClient) -> Self:
        """Return the stub in a *row* of the admin API."""
        return cls(row["id"], row["action"], row["used"], row, admin)

    def remove(self) -> None:
        """Remove the stub."""
        self._admin.ask("DELETE", "stubs", self.id)


class Stubs:
    """The stubs of an app. docs/testing.md lists the options that both kinds take."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def answer(self, action: str, result: object = None, **options: object) -> Stub:
        """Answer calls of *action* with *result*."""
        return self._add({"action": action, "result": result, **options})

    def fail(
        self,
        action: str,
        error: str | int,
        message: str | None = None,
        info: Mapping[str, object] | None = None,
        **options: object,
    ) -> Stub:
        """Answer calls of *action* with an error: a Skygear error's name, or any code."""
        body = {"action": action, "error": error, "message": message, "info": info}
        return self._add({**body, **options})

    def _add(self, stub: Mapping[str, object]) -> Stub:
        # A result may be None; an option that is None was not given.
        body = {name: value for name, value in stub.items() if value is not None}
        return Stub.read(self._admin.ask("POST", "stubs", body=body), self._admin)

    def clear(self) -> None:
        """Remove all stubs."""
        self._admin.ask("DELETE", "stubs")

    def __iter__(self) -> Iterator[Stub]:
        """Iterate over the stubs, the oldest first."""
        return iter([Stub.read(row, self._admin) for row in self._admin.get("stubs")["stubs"]])
