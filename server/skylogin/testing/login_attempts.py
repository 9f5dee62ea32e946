"""The attempts to log in that an app has seen, and why each was refused."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, overload

from skylogin.client.admin_api import AdminClient, moment

POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to log in. *reason* is a code of docs/wire.md; *claims* hold no secret."""

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
        """Return the token's `skyprofile`; None where it had none, or one that was not kept."""
        return self.claims.get("skyprofile")

    def __str__(self) -> str:
        """Return the attempt in one line, whatever its token said."""
        outcome = "accepted" if self.accepted else f"refused {self.reason}"
        text = f"{self.at:%Y-%m-%d %H:%M:%S.%f}  {self.subject or '-'}  {outcome}"
        return "".join(
            character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
            for character in f"{text}: {self.explanation}"
        )

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """Return the attempt that the admin API shows as *row*."""
        return cls(
            id=row["id"],
            at=moment(row["at"]),
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
    """What was tried since the app was reset, the oldest first. Every look is a fresh one."""

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
        """Return the attempt at a place."""
        return self._load()[index]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._load())

    def __iter__(self) -> Iterator[Attempt]:
        """Go through them."""
        return iter(self._load())

    def __repr__(self) -> str:
        """Show them, one a line."""
        return f"<attempts:\n{in_lines(self._load())}>"

    @property
    def accepted(self) -> list[Attempt]:
        """Return those that logged somebody in."""
        return [one for one in self if one.accepted]

    @property
    def refused(self) -> list[Attempt]:
        """Return those that were refused."""
        return [one for one in self if not one.accepted]

    @property
    def last(self) -> Attempt:
        """Return the latest. Raises LookupError where there is none."""
        attempts = self._load()
        if not attempts:
            raise LookupError("nobody has tried to log in yet")
        return attempts[-1]

    def wait_for(
        self,
        subject: str | None = None,
        *,
        reason: str | None = None,
        accepted: bool | None = None,
        timeout: float = 5,
    ) -> Attempt:
        """Return the first attempt that matches, one that came already or the next to come.

        Raises TimeoutError, which lists what did come. It blocks: in an async test whose own
        loop is to make the attempt, await `asyncio.to_thread(…wait_for, "alice")`.
        """
        wanted = {"subject": subject, "reason": reason, "accepted": accepted}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        deadline = time.monotonic() + timeout
        while True:
            seen = self._load()
            for attempt in seen:
                if all(getattr(attempt, name) == value for name, value in wanted.items()):
                    return attempt
            left = deadline - time.monotonic()
            if left <= 0:
                asked = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
                came = f"these came:\n{in_lines(seen)}" if seen else "nobody tried to log in"
                which = f"no attempt with {asked}" if asked else "no attempt"
                raise TimeoutError(f"{which} in {timeout:g} s; {came}")
            time.sleep(min(POLL_SECONDS, left))


def in_lines(attempts: Sequence[Attempt]) -> str:
    """Return *attempts*, one a line."""
    return "\n".join(str(attempt) for attempt in attempts)
