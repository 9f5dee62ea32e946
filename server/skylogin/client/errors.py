"""What a server refused: a call, a login, or a request to the admin API."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from skylogin.client.connections import HttpAnswer
from skylogin.errors import REASON_HEADER


class CallRefusedError(Exception):
    """A refused call: what the client got, and the server's explanation.

    *error* is the error in the answer, empty if there was none. *reason* is a code of
    docs/wire.md, empty if the server gave none.
    """

    def __init__(
        self, status: int, error: Mapping[str, Any], reason: str = "", explanation: str = ""
    ) -> None:
        self.status = status
        self.error = dict(error)
        self.reason = reason
        self.explanation = explanation
        # All arguments, so that the error can be pickled for another process.
        super().__init__(status, error, reason, explanation)

    def __str__(self) -> str:
        """Return all of it as one text."""
        error = self.error
        text = str(self.status)
        if error:
            text += f" {error.get('name')} {error.get('code')}: {error.get('message')}"
        if error.get("info"):
            text += f" {json.dumps(error['info'], ensure_ascii=False)}"
        return f"{text} ({self.reason}: {self.explanation})" if self.reason else text

    @classmethod
    def of(cls, answer: HttpAnswer) -> "CallRefusedError":
        """Return the error in *answer*."""
        reason, _, explanation = answer.headers.get(REASON_HEADER.lower(), "").partition(": ")
        error = json_object(answer.body).get("error")
        return cls(answer.status, error if isinstance(error, dict) else {}, reason, explanation)


class LoginRefusedError(CallRefusedError):
    """A refused login."""


# The code of an AdminError if the server does not have the operation.
NO_OPERATION = "no_operation"


class AdminError(Exception):
    """A refused request to the admin API: *detail* says why, *problems* list what is wrong."""

    def __init__(
        self,
        status: int,
        detail: str,
        problems: Sequence[str] = (),
        *,
        code: str = "",
        places: Sequence[str] = (),
    ) -> None:
        self.status = status
        self.detail = detail
        self.problems = list(problems)
        self.code = code
        # The places of the problems in a seed.
        self.places = list(places)
        super().__init__(status, detail, self.problems)

    def __str__(self) -> str:
        """Return the status, the detail and the problems as one text."""
        return f"{self.status}: {'; '.join([self.detail, *self.problems])}"

    @property
    def faults(self) -> list[str]:
        """Return *problems*, by the name that tests of other projects use."""
        return self.problems

    @classmethod
    def of(cls, answer: HttpAnswer) -> "AdminError":
        """Return the error in *answer*."""
        problem = json_object(answer.body)
        detail = problem.get("detail") or answer.body.decode("utf-8", "replace")
        return cls(
            answer.status,
            detail,
            problem.get("errors", ()),
            code=problem.get("code", ""),
            places=problem.get("places", ()),
        )


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in *body*, or an empty one."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
