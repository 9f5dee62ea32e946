"""The login log of an app."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, overload

from skylogin.client.admin_api import AdminClient, given, read_time
from skylogin.clock import monotonic
from skylogin.encoding import visible
from skylogin.errors import Reason

POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login attempt. *reason* is a code of docs/wire.md; *claims* contain no secrets."""

    id: str
    at: datetime
    accepted: bool
    reason: str
    explanation: str
    subject: str
    user_id: str
    status: int
    action: str
    algorithm: str
    claims: Mapping[str, Any]
    claim_names: tuple[str, ...]
    header: Mapping[str, Any]
    secret_id: str

    @property
    def profile(self) -> Any:
        """Return the token's `skyprofile`, or None if it had none or it was not kept."""
        return self.claims.get("skyprofile")

    def __str__(self) -> str:
        """Return the attempt as one line without control characters."""
        outcome = "accepted" if self.accepted else f"refused {self.reason}"
        text = f"{self.at:%Y-%m-%d %H:%M:%S.%f}  {self.subject or '-'}  {outcome}"
        return visible.text(f"{text}: {self.explanation}")

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Return the attempt in a *row* of the admin API."""
        return cls(
            id=row["id"],
            at=read_time(row["at"]),
            accepted=row["accepted"],
            reason=row["reason"],
            explanation=row["explanation"],
            subject=row["subject"],
            user_id=row["user_id"],
            status=row["status"],
            action=row["action"],
            algorithm=row["algorithm"],
            claims=row["claims"],
            claim_names=tuple(row["claim_names"]),
            header=row["header"],
            secret_id=row["secret_id"],
        )


class Attempts(Sequence[Attempt]):
    """The login attempts since the app was reset, the oldest first. Each use asks the server."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def _load(self) -> list[Attempt]:
        rows = self._admin.pages("logins")
        return [Attempt.read(row) for row in reversed(rows)]

    @overload
    def __getitem__(self, index: int) -> Attempt: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Attempt]: ...
    def __getitem__(self, index: int | slice) -> Attempt | Sequence[Attempt]:
        """Return the attempt at an index."""
        return self._load()[index]

    def __len__(self) -> int:
        """Return the number of attempts."""
        return len(self._load())

    def __iter__(self) -> Iterator[Attempt]:
        """Iterate over the attempts."""
        return iter(self._load())

    def __repr__(self) -> str:
        """Show the attempts, one per line."""
        return f"<attempts:\n{in_lines(self._load())}>"

    @property
    def accepted(self) -> list[Attempt]:
        """Return the accepted attempts."""
        return [one for one in self if one.accepted]

    @property
    def refused(self) -> list[Attempt]:
        """Return the refused attempts."""
        return [one for one in self if not one.accepted]

    @property
    def last(self) -> Attempt:
        """Return the latest attempt. Raises LookupError if there is none."""
        attempts = self._load()
        if not attempts:
            raise LookupError("no login attempts yet")
        return attempts[-1]

    def wait_for(
        self,
        subject: str | None = None,
        *,
        reason: str | None = None,
        accepted: bool | None = None,
        timeout: float = 5,
    ) -> Attempt:
        """Return the first attempt that matches, past or future.

        Raises TimeoutError, which lists the other attempts, and ValueError on an unknown *reason*.
        It blocks: in an async test, await `asyncio.to_thread(skylogin.logins.wait_for, "alice")`.
        """
        if reason not in (None, *Reason):
            raise ValueError(f"{reason!r} is not a reason; the reasons are {', '.join(Reason)}")
        wanted = given({"subject": subject, "reason": reason, "accepted": accepted})
        deadline = monotonic() + timeout
        while True:
            attempts = self._load()
            for attempt in attempts:
                if all(getattr(attempt, name) == value for name, value in wanted.items()):
                    return attempt
            left = deadline - monotonic()
            if left <= 0:
                filters = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
                what = f"no login attempt with {filters}" if filters else "no login attempt"
                others = f"there were:\n{in_lines(attempts)}" if attempts else "there were none"
                raise TimeoutError(f"{what} in {timeout:g} s; {others}")
            time.sleep(min(POLL_SECONDS, left))


def in_lines(attempts: Sequence[Attempt]) -> str:
    """Return *attempts*, one per line."""
    return "\n".join(str(attempt) for attempt in attempts)
