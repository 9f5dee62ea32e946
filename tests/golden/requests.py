"""Filling in requests: `${variables}`, and objects such as `{"$now": 60}` that stand for a value.

An object is an operator only if it has no other keys, because typed values with `$type` are
sent as they are.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.golden.normalise import Normaliser
from tests.golden.scenarios import Profile
from tests.golden.tokens import make_token

VARIABLE = re.compile(r"\$\{([\w.-]+)\}")


class NotCapturedError(Exception):
    """A request uses a variable that no earlier answer has set."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it is sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


class Requests:
    """Makes the requests of one play from its variables."""

    def __init__(
        self, profile: Profile, run: str, now: Callable[[], float], normaliser: Normaliser
    ) -> None:
        self.variables: dict[str, Any] = {"run": run}
        self._environment = profile.environment
        self._now = now
        self._normaliser = normaliser

    def message(self, request: Mapping[str, Any]) -> Message:
        """Return *request* with all values filled in."""
        headers: dict[str, Any] = {}
        body = None
        if "json" in request:
            body = json.dumps(self.fill(request["json"]), ensure_ascii=False).encode()
        elif request.get("body") is not None:
            body = self.fill(request["body"]).encode(request.get("encoding", "utf-8"))
        if body is not None:
            headers["Content-Type"] = "application/json"
        key = request.get("key", "api")
        if key != "none":
            setting = "MASTER_KEY" if key == "master" else "API_KEY"
            headers["X-Skygear-Api-Key"] = self._environment.get(setting, "")
        if request.get("access_token") is not None:
            headers["X-Skygear-Access-Token"] = self.fill(request["access_token"])
        headers |= {name: self.fill(value) for name, value in request.get("headers", {}).items()}
        kept = {name: value for name, value in headers.items() if value is not None}
        path = self.fill(request.get("path", "/"))
        return Message(request.get("method", "POST"), path, kept, body)

    def fill(self, value: Any) -> Any:
        """Return a JSON value with its variables and operators replaced."""
        if isinstance(value, str):
            return self._fill_text(value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        return self._fill_object(value) if isinstance(value, dict) else value

    def _fill_object(self, value: dict[str, Any]) -> Any:
        match value:
            case {"$now": seconds, **others} if not others:
                return int(self._now()) + seconds
            case {"$iso": seconds, **others} if set(others) <= {"utc_offset_hours"}:
                return self._time(seconds, others.get("utc_offset_hours", 0))
            case {"$repeat": [text, times], **others} if not others:
                return self._fill_text(text) * times
            case {"$token": wanted, **others} if not others:
                secret = self._environment.get("CUSTOM_TOKEN_SECRET", "")
                return make_token(self.fill(wanted), secret, int(self._now()))
        return {self._fill_text(key): self.fill(item) for key, item in value.items()}

    def _fill_text(self, text: str) -> Any:
        whole = VARIABLE.fullmatch(text)
        # A text that is one variable becomes its value, whatever the type.
        if whole:
            return self._variable(whole[1])
        return VARIABLE.sub(lambda match: str(self._variable(match[1])), text)

    def _variable(self, name: str) -> Any:
        if name not in self.variables:
            raise NotCapturedError(f"nothing was captured as ${{{name}}}")
        return self.variables[name]

    def _time(self, seconds: int, offset_hours: int) -> str:
        time = datetime.fromtimestamp(int(self._now()) + seconds, UTC)
        name = f"<iso:{seconds:+d}>"
        if not offset_hours:
            text = time.strftime("%Y-%m-%dT%H:%M:%SZ")
            self._normaliser.name_time(time, text, name)
            return text
        local = time.astimezone(timezone(timedelta(hours=offset_hours)))
        self._normaliser.name_time(time, local.isoformat(), name)
        # The original may drop the zone and keep the local time; the golden shows which.
        without_zone = local.replace(tzinfo=UTC)
        name = f"<iso:{seconds:+d} by the clock at {offset_hours:+d}h>"
        self._normaliser.name_time(without_zone, without_zone.isoformat(), name)
        return local.isoformat()
