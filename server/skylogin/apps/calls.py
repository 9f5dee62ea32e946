"""The calls of an app under `skylogin dev`, for tests to wait for and to check."""

import asyncio
import itertools
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from skylogin.domain import matching, redaction
from skylogin.encoding import json_text

CALLS_MAX = 1000


@dataclass(slots=True)
class RecordedCall:
    """A call. *status* is None until the call is answered, and stays so if its caller leaves.

    *written* are its arguments as JSON: the `args` of a cloud function, or the members of another
    action's payload; *left_out* says why they are missing. `arguments` hides *secrets*.
    *stub_id* names the stub that answered the call.
    """

    id: str
    at: datetime
    action: str
    written: str = field(repr=False)
    secrets: Collection[str] = field(default=(), repr=False)
    left_out: str = ""
    key: str = ""
    user_id: str = ""
    status: int | None = None
    error: str = ""
    reason: str = ""
    explanation: str = ""
    stub_id: str = ""

    @property
    def arguments(self) -> object:
        """Return the arguments without what looks like a secret.

        Secrets are removed only here, because most calls are never looked at.
        """
        return redaction.redacted(json_text.read_whole(self.written), self.secrets)


class Wanted(NamedTuple):
    """The calls of an action, which may end with `*`, whose arguments match; None matches any."""

    action: str
    arguments: object = None
    after: str = ""

    def covers(self, action: str) -> bool:
        """Return whether calls of *action* are wanted."""
        prefix, star, _ = self.action.partition("*")
        return action.startswith(prefix) if star else action == self.action

    def differs(self, arguments: object) -> str:
        """Return why a call with *arguments* does not match, empty if it does."""
        return "" if self.arguments is None else matching.difference(self.arguments, arguments)


class Calls:
    """The latest calls of one app, the oldest first."""

    def __init__(self) -> None:
        self._latest: deque[RecordedCall] = deque(maxlen=CALLS_MAX)
        self._numbers = itertools.count(1)
        self._ended = asyncio.Event()
        self._waiting = 0

    def new_id(self) -> str:
        """Return an id that is greater than those before."""
        return f"{next(self._numbers):012}"

    def add(self, call: RecordedCall) -> None:
        """Add a call that begins."""
        self._latest.append(call)

    def end(self) -> None:
        """Wake the callers of `wait`: a call was answered."""
        if self._waiting:
            self._ended.set()
            self._ended = asyncio.Event()

    def find(self, action: str = "*", after: str = "") -> list[RecordedCall]:
        """Return the calls of *action* after the one with the id *after*."""
        covers = Wanted(action).covers
        return [one for one in self._latest if one.id > after and covers(one.action)]

    async def wait(self, wanted: "Wanted", seconds: float) -> RecordedCall | None:
        """Return the first call that matches *wanted*, past or future; None on time-out."""
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                while True:
                    ended = self._ended
                    for one in self.find(wanted.action, wanted.after):
                        if one.status is not None and not wanted.differs(one.arguments):
                            return one
                    await ended.wait()
        except TimeoutError:
            return None
        finally:
            self._waiting -= 1

    def why_none(self, wanted: "Wanted") -> str:
        """Return which call came closest to the *wanted* one."""
        calls = self.find(after=wanted.after)
        of_action = [one for one in calls if wanted.covers(one.action)]
        for one in reversed(of_action):
            found = "" if one.status is None else wanted.differs(one.arguments)
            what = found or "is not answered yet, or its caller left"
            return f"the latest of {len(of_action)} calls of {wanted.action} does not match: {what}"
        names = ", ".join(sorted({one.action or "no action" for one in calls}))
        return f"no call of {wanted.action}; there were calls of {names}" if names else "no call"

    def clear(self) -> None:
        """Forget all calls."""
        self._latest.clear()
