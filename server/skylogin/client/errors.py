"""What a test gets raised: a call or a login that is refused, an order that is not carried out."""

import json
from collections.abc import Mapping
from typing import Any

from skylogin.client.connections import HttpAnswer
from skylogin.errors import REASON_HEADER


class CallRefusedError(Exception):
    """A call that was refused: all that the server said, and why in its own words.

    *error* is the body that a client gets, empty where there was none. *reason* is a code of
    docs/wire.md, empty where the server gave none.
    """

    def __init__(
        self, status: int, error: Mapping[str, Any], reason: str = "", explanation: str = ""
    ) -> None:
        self.status = status
        self.error = dict(error)
        self.reason = reason
        self.explanation = explanation
        super().__init__(self._text())

    def _text(self) -> str:
        error = self.error
        text = str(self.status)
        if error:
            text += f" {error.get('name')} {error.get('code')}: {error.get('message')}"
        if error.get("info"):
            text += f" {json.dumps(error['info'], ensure_ascii=False)}"
        return f"{text} ({self.reason}: {self.explanation})" if self.reason else text

    @classmethod
    def of(cls, answer: HttpAnswer) -> "CallRefusedError":
        """Return the error that *answer* is."""
        reason, _, explanation = answer.headers.get(REASON_HEADER.lower(), "").partition(": ")
        error = json_object(answer.body).get("error")
        return cls(answer.status, error if isinstance(error, dict) else {}, reason, explanation)


class LoginRefusedError(CallRefusedError):
    """A login that was refused."""


class AdminError(Exception):
    """The admin API did not do what it was asked; *detail* says why."""

    def __init__(self, status: int, detail: str, faults: list[str] | None = None) -> None:
        self.status = status
        self.detail = detail
        self.faults = faults or []
        super().__init__(f"{status}: {'; '.join([detail, *self.faults])}")

    @classmethod
    def of(cls, answer: HttpAnswer) -> "AdminError":
        """Return the error that *answer* is."""
        problem = json_object(answer.body)
        detail = problem.get("detail") or answer.body.decode("utf-8", "replace")
        return cls(answer.status, detail, problem.get("errors"))


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that *body* is, an empty one where it is none."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
