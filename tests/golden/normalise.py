"""Giving what differs from play to play a stable name.

One `Normaliser` serves one play of one scenario: it remembers which identifier was called what,
so that the same identifier has the same name in all steps.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.golden.scenarios import Profile, Scenario
from tests.golden.tokens import UUID, describe_token

LONG_TEXT_LENGTH = 300
DIGEST_LENGTH = 16
RECENT = timedelta(days=1)

HEADERS = re.compile(r"content-type|server|location|allow|access-control-.*|x-skygear-.*")
REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIMESTAMP = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?P<fraction>\.\d{1,9})?(?P<zone>Z|[+-]\d\d:\d\d)"
)
# The original writes microseconds at most, and no zeros at the end.
WIRE_FRACTION = re.compile(r"\.\d{0,5}[1-9]")


def read_timestamp(value: Any) -> datetime | None:
    """Return the time that an RFC 3339 text names, or `None` for any other value."""
    match = TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return None
    zone = "+00:00" if match["zone"] == "Z" else match["zone"]
    try:
        return datetime.fromisoformat(match["seconds"] + (match["fraction"] or "") + zone)
    except ValueError:
        return None


class Normaliser:
    """The names that one play has given so far."""

    def __init__(
        self, profile: Profile, scenario: Scenario, run: str, now: Callable[[], float]
    ) -> None:
        self._secret = profile.environment.get("TOKEN_STORE_SECRET", "")
        self._run = run
        self._now = now
        # An identifier that the scenario spells out is no surprise: it counts to the letter.
        self._spelled_out = {
            found for step in scenario.steps for found in UUID.findall(step.source)
        }
        self._names: dict[str, str] = {}
        self._sent: dict[datetime, tuple[set[str], str]] = {}

    def remember_sent(self, instant: datetime, text: str, name: str) -> None:
        """Give a time of a request its name, in UTC and in the spelling it was sent in."""
        utc = instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._sent[instant] = ({text, utc}, name)

    def value(self, value: Any) -> Any:
        """Return a JSON value with stable names; keys are visited in the order of the alphabet."""
        if isinstance(value, dict):
            return {self.words(key): self.value(value[key]) for key in sorted(value)}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers that count, by their names in small letters."""
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
        instant = read_timestamp(text)
        if instant:
            return self._timestamp(text, instant)
        token = describe_token(text, self._secret, self._now(), self.words)
        if token:
            return token
        named = self.words(text)
        if len(named) <= LONG_TEXT_LENGTH:
            return named
        digest = hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()
        return f"<text of {len(named)} characters, sha256 {digest[:DIGEST_LENGTH]}>"

    def _timestamp(self, text: str, instant: datetime) -> str:
        spellings, name = self._sent.get(instant, (frozenset(), ""))
        if text in spellings:
            return name
        match = TIMESTAMP.fullmatch(text)
        assert match
        as_on_the_wire = match["zone"] == "Z" and (
            match["fraction"] is None or WIRE_FRACTION.fullmatch(match["fraction"])
        )
        recent = abs(datetime.fromtimestamp(self._now(), UTC) - instant) < RECENT
        return "<time>" if recent and as_on_the_wire else text

    def _header(self, name: str, value: str) -> str:
        if name == "x-skygear-request-id" and REQUEST_ID.fullmatch(value):
            return "<uuid>"
        return self.words(value)

    def _identifier(self, found: str) -> str:
        if found in self._spelled_out:
            return found
        return self._names.setdefault(found, f"<uuid:{len(self._names) + 1}>")
