"""The calls that the clients of an app made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, overload

from skylogin.client.admin_api import AdminClient, read_time
from skylogin.clock import monotonic
from skylogin.encoding import visible
from skylogin.errors import Reason

# The longest time for which one request waits at the server.
WAIT_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call, with `…` for secrets. *status* is None if it is not answered, or its caller left.

    *arguments* are the `args` of a cloud function, or the members of another action's payload.
    """

    id: str
    at: datetime
    action: str
    arguments: Any
    left_out: str
    key: str
    user_id: str
    status: int | None
    error: str
    reason: str
    explanation: str
    stub_id: str | None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Return the call in a *row* of the admin API."""
        return cls(**{**row, "at": read_time(row["at"])})

    def __str__(self) -> str:
        """Return the call as one line without control characters."""
        arguments = json.dumps(self.arguments, ensure_ascii=False)
        outcome = f"{self.status or 'no answer'} {self.error}".rstrip()
        why = f": {self.explanation}" if self.explanation else ""
        return visible.text(f"{self.action or 'no action'} {arguments}  {outcome}{why}")


class Calls(Sequence[RecordedCall]):
    """The calls since the app was reset, the oldest first. Each use asks the server."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def of(self, action: str) -> list[RecordedCall]:
        """Return the calls of *action*; `push:*` stands for every action that begins so."""
        return [RecordedCall.read(row) for row in self._admin.get("calls", action=action)["calls"]]

    def _load(self) -> list[RecordedCall]:
        return self.of("*")

    @overload
    def __getitem__(self, index: int) -> RecordedCall: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RecordedCall]: ...
    def __getitem__(self, index: int | slice) -> RecordedCall | Sequence[RecordedCall]:
        """Return the call at an index."""
        return self._load()[index]

    def __len__(self) -> int:
        """Return the number of calls."""
        return len(self._load())

    def __iter__(self) -> Iterator[RecordedCall]:
        """Iterate over the calls."""
        return iter(self._load())

    def __repr__(self) -> str:
        """Show the calls, one per line."""
        return "<calls:\n" + "\n".join(map(str, self._load())) + ">"

    @property
    def unmatched(self) -> list[RecordedCall]:
        """Return the calls of actions that are not emulated, and that no stub answered."""
        return [one for one in self if one.reason == Reason.NOT_EMULATED]

    def wait_for(self, action: str, arguments: object = None, timeout: float = 5) -> RecordedCall:
        """Return the first answered call of *action* with these *arguments*, past or future.

        Raises TimeoutError, which says what came close. It blocks, like `logins.wait_for`.
        """
        deadline = monotonic() + timeout
        while True:
            left = max(0.0, deadline - monotonic())
            seconds = min(left, WAIT_SECONDS_MAX)
            found = self._admin.post(
                "calls", "wait", action=action, arguments=arguments, timeout=seconds
            )
            if found["call"] is not None:
                return RecordedCall.read(found["call"])
            if left <= WAIT_SECONDS_MAX:
                raise TimeoutError(f"in {timeout:g} s: {found['explanation']}")

    def clear(self) -> None:
        """Delete the recorded calls."""
        self._admin.ask("DELETE", "calls")
