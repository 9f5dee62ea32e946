"""Stable names for what differs from play to play: identifiers, times and tokens.

One `Normaliser` serves one play, so that an identifier has the same name in all steps.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.golden.tokens import UUID, describe_token

LONG_TEXT_LENGTH = 300
DIGEST_LENGTH = 16
RECENT = timedelta(days=1)

HEADERS = re.compile(r"content-type|server|location|allow|access-control-.*|x-skygear-.*")
REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?P<fraction>\.\d{1,9})?(?P<zone>Z|[+-]\d\d:\d\d)"
)
# The original writes at most microseconds, without trailing zeros.
WIRE_FRACTION = re.compile(r"\.\d{0,5}[1-9]")


def read_timestamp(value: Any) -> datetime | None:
    """Return the time in an RFC 3339 text, None for any other value."""
    if not isinstance(value, str) or not TIMESTAMP.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


class Normaliser:
    """The names that one play has given so far."""

    def __init__(
        self, secret: str, spelled_out: Iterable[str], run: str, now: Callable[[], float]
    ) -> None:
        self._secret = secret
        self._run = run
        self._now = now
        # Identifiers in the scenario itself are compared literally.
        self._names = {identifier: identifier for identifier in spelled_out}
        self._named_count = 0
        self._times: dict[datetime, tuple[set[str], str]] = {}

    def name_time(self, time: datetime, text: str, name: str) -> None:
        """Give a time of a request its name, in UTC and as it was sent."""
        self._times[time] = ({text, f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}, name)

    def value(self, value: Any) -> Any:
        """Return a JSON value with stable names; keys are visited in alphabetical order."""
        if isinstance(value, dict):
            return {self.words(key): self.value(value[key]) for key in sorted(value)}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that are compared."""
        return {
            name: self._header(name, headers[name])
            for name in sorted(headers)
            if HEADERS.fullmatch(name)
        }

    def words(self, text: str) -> str:
        """Return *text* with names for the identifiers and the random word in it."""
        named = UUID.sub(lambda match: self._identifier(match[0]), text)
        return named.replace(self._run, "${run}")

    def _text(self, text: str) -> str:
        time = read_timestamp(text)
        if time:
            return self._timestamp(text, time)
        token = describe_token(text, self._secret, self._now(), self.words)
        if token:
            return token
        named = self.words(text)
        if len(named) <= LONG_TEXT_LENGTH:
            return named
        digest = hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()
        return f"<text of {len(named)} characters, sha256 {digest[:DIGEST_LENGTH]}>"

    def _timestamp(self, text: str, time: datetime) -> str:
        spellings, name = self._times.get(time, (set(), ""))
        if text in spellings:
            return name
        match = TIMESTAMP.fullmatch(text)
        assert match
        fraction = match["fraction"]
        in_wire_form = match["zone"] == "Z" and (not fraction or WIRE_FRACTION.fullmatch(fraction))
        recent = abs(datetime.fromtimestamp(self._now(), UTC) - time) < RECENT
        return "<time>" if recent and in_wire_form else text

    def _header(self, name: str, value: str) -> str:
        if name == "x-skygear-request-id" and REQUEST_ID.fullmatch(value):
            return "<uuid>"
        return self.words(value)

    def _identifier(self, found: str) -> str:
        if found not in self._names:
            self._named_count += 1
            self._names[found] = f"<uuid:{self._named_count}>"
        return self._names[found]
