"""Filling in a request: `${variables}`, and objects such as `{"$now": 60}` that name a value.

An object is an operator only when it has no other keys, for `$type` and `$date` of a typed value
have to reach the server as they are.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.golden.normalise import Normaliser
from tests.golden.scenarios import Profile, Request
from tests.golden.tokens import make_token

VARIABLE = re.compile(r"\$\{([\w.-]+)\}")


class NotCapturedError(Exception):
    """A variable is used that no earlier answer has given."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it goes over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


class Filler:
    """The variables that one play has so far."""

    def __init__(
        self, profile: Profile, run: str, now: Callable[[], float], normaliser: Normaliser
    ) -> None:
        self.variables: dict[str, Any] = {"run": run}
        self._profile = profile
        self._now = now
        self._normaliser = normaliser

    def message(self, request: Request) -> Message:
        """Return *request* with all values filled in."""
        headers: dict[str, str] = {}
        body = self._body(request)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if request.key != "none":
            setting = "MASTER_KEY" if request.key == "master" else "API_KEY"
            headers["X-Skygear-Api-Key"] = self._setting(setting)
        if request.access_token is not None:
            headers["X-Skygear-Access-Token"] = self.filled(request.access_token)
        for name, value in request.headers.items():
            headers[name] = self.filled(value)
        kept = {name: value for name, value in headers.items() if value is not None}
        return Message(request.method, self.filled(request.path), kept, body)

    def filled(self, value: Any) -> Any:
        """Return a JSON value with its variables and operators replaced."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if isinstance(value, dict):
            return self._object(value)
        return value

    def _object(self, value: dict[str, Any]) -> Any:
        match value:
            case {"$now": seconds} if len(value) == 1:
                return int(self._now()) + seconds
            case {"$iso": seconds} if set(value) <= {"$iso", "utc_offset_hours"}:
                return self._iso(seconds, value.get("utc_offset_hours", 0))
            case {"$repeat": [text, times]} if len(value) == 1:
                return self._text(text) * times
            case {"$token": wanted} if len(value) == 1:
                secret = self._setting("CUSTOM_TOKEN_SECRET")
                return make_token(self.filled(wanted), secret, int(self._now()))
        return {self._text(key): self.filled(item) for key, item in value.items()}

    def _body(self, request: Request) -> bytes | None:
        if request.has_json:
            return json.dumps(self.filled(request.json), ensure_ascii=False).encode("utf-8")
        if request.body is None:
            return None
        body: str = self.filled(request.body)
        return body.encode(request.encoding)

    def _text(self, text: str) -> Any:
        whole = VARIABLE.fullmatch(text)
        # A text that is one variable takes the variable's type too.
        if whole:
            return self._variable(whole[1])
        return VARIABLE.sub(lambda match: str(self._variable(match[1])), text)

    def _variable(self, name: str) -> Any:
        try:
            return self.variables[name]
        except KeyError as error:
            raise NotCapturedError(f"nothing was captured as ${{{name}}}") from error

    def _iso(self, seconds: int, offset_hours: int) -> str:
        moment = datetime.fromtimestamp(int(self._now()), UTC) + timedelta(seconds=seconds)
        name = f"<iso:{seconds:+d}>"
        if not offset_hours:
            text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            self._normaliser.remember_sent(moment, text, name)
            return text
        elsewhere = moment.astimezone(timezone(timedelta(hours=offset_hours)))
        self._normaliser.remember_sent(moment, elsewhere.isoformat(), name)
        # The original may keep the clock's reading and lose the zone; the golden tells which.
        reading = elsewhere.replace(tzinfo=UTC)
        reading_name = f"<iso:{seconds:+d} by the clock at {offset_hours:+d}h>"
        self._normaliser.remember_sent(reading, reading.isoformat(), reading_name)
        return elsewhere.isoformat()

    def _setting(self, name: str) -> str:
        return self._profile.environment.get(name, "")
