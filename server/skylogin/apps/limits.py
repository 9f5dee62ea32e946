"""Limits on calls and clients, by a key such as the client's address.

Usage is counted in memory, so a call within its limits does not query the database.
`apps.shared_limits` exchanges it with the other servers of the same database.
"""

import functools
import hashlib
import ipaddress
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from skylogin.clock import monotonic
from skylogin.domain.rate import Rule, Turn, Usage
from skylogin.errors import Reason, too_busy, too_many

# Above this number, the least recently used keys are forgotten.
KEYS_MAX = 10_000
# A longer key is replaced by its hash.
KEY_CHARACTERS_MAX = 100
# An IPv6 network of this size is usually one customer's.
IPV6_SHIFT = 64

UNKNOWN = "unknown"

Key = tuple[str, str]


class Limits:
    """The limits in force. *hits* counts, for each limit, how often it was reached."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        now: Callable[[], float] = monotonic,
        keys_max: int = KEYS_MAX,
    ) -> None:
        self.rules = rules
        self.hits: Counter[str] = Counter()
        self.turn = Turn()
        # What this server has not yet reported to the others; None if it runs alone.
        self.untold: Counter[Key] | None = None
        # Who counts the other servers' usage of a limit that is not counted here, by its name.
        self.listeners: dict[str, Callable[[str, int], object]] = {}
        self._now = now
        self._keys_max = keys_max
        self._usages: dict[str, OrderedDict[str, Usage]] = {name: OrderedDict() for name in rules}
        self._held: Counter[Key] = Counter()

    def check(self, name: str, key: str, amount: int = 1) -> None:
        """Take *amount* of a limit. Raises SkygearError (429) if *key* has reached it."""
        seconds = self.take(name, key, amount)
        if seconds:
            self.hits[name] += 1
            raise too_many(name, seconds)

    def take(self, name: str, key: str, amount: int = 1) -> int:
        """Take *amount* of a limit, and return 0; if *key* has reached it, the seconds to wait."""
        rule = self.rules.get(name)
        if rule is None:
            return 0
        key = _short(key)
        wait = self._usage(name, key, rule).take(rule, self.turn, self._now(), amount)
        if not wait:
            self._note_own(name, key, amount)
        return math.ceil(wait)

    def give_back(self, name: str, key: str) -> None:
        """Undo a `check` or a `take` of one."""
        self.note(name, key, -1)

    def note(self, name: str, key: str, amount: int) -> None:
        """Count *amount* as taken, even if the limit is reached."""
        rule = self.rules.get(name)
        if rule is None:
            return
        key = _short(key)
        self._usage(name, key, rule).note(rule, self.turn, self._now(), amount)
        self._note_own(name, key, amount)

    def tell(self, name: str, key: str) -> None:
        """Tell the other servers of one more use of a limit that is not counted here."""
        if name in self.rules:
            self._note_own(name, _short(key), 1)

    def hear(self, name: str, key: str, amount: int) -> None:
        """Count what other servers took in the last turn."""
        rule = self.rules.get(name)
        if name in self.listeners:
            self.listeners[name](key, amount)
        elif rule is not None:
            self._usage(name, key, rule).hear(rule, self.turn, self._now(), amount)

    @contextmanager
    def holding(self, name: str, key: str = "") -> Iterator[None]:
        """Count one more at once until the block ends.

        Raises SkygearError: 429, or 503 if it is not the limit of one *key* but of the server.
        """
        rule, held = self.rules.get(name), (name, _short(key))
        if rule is not None and self._held[held] >= rule.number:
            self.hits[name] += 1
            if not key:
                raise too_busy(Reason.OVERLOADED, f"the limit {name} is reached")
            raise too_many(name, 1)
        self._held[held] += 1
        try:
            yield
        finally:
            self._held[held] -= 1
            if not self._held[held]:
                del self._held[held]

    def _usage(self, name: str, key: str, rule: Rule) -> Usage:
        usages = self._usages[name]
        usage = usages.get(key)
        if usage is None:
            usage = usages[key] = Usage(rule, self.turn, self._now())
            if len(usages) > self._keys_max:
                usages.popitem(last=False)
        else:
            usages.move_to_end(key)
        return usage

    def _note_own(self, name: str, key: str, amount: int) -> None:
        if self.untold is not None and amount:
            self.untold[name, key] += amount


def _short(key: str) -> str:
    if len(key) <= KEY_CHARACTERS_MAX and "\0" not in key:
        return key
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


@functools.lru_cache(maxsize=KEYS_MAX)
def source_of(address: str) -> str:
    """Return the key for calls from *address*: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        # Unknown addresses share one source, so that a client cannot make up many.
        return UNKNOWN
    if isinstance(read, ipaddress.IPv4Address):
        return str(read)
    if read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(read) >> IPV6_SHIFT << IPV6_SHIFT))
