"""Limits on calls and clients, by a key such as the client's address.

Usage is counted in memory, so a call within its limits does not query the database.
`apps.shared_limits` reports it to the other servers of the same database.
"""

import functools
import hashlib
import ipaddress
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from skylogin.clock import monotonic
from skylogin.domain.rate import Period, Rule, Usage
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
        self.period = Period()
        # What this server has not yet reported to the others; None if it runs alone.
        self.unreported: Counter[Key] | None = None
        # For limits that are not counted here, by name: what counts the usage of other servers.
        self.counters: dict[str, Callable[[str, int], object]] = {}
        self._now = now
        self._keys_max = keys_max
        self._usages: dict[str, OrderedDict[str, Usage]] = {name: OrderedDict() for name in rules}
        self._held: Counter[Key] = Counter()

    def check(self, name: str, key: str, amount: int = 1) -> None:
        """Use *amount* of a limit. Raises SkygearError (429) if *key* has reached it."""
        seconds = self.use(name, key, amount)
        if seconds:
            self.hits[name] += 1
            raise too_many(name, seconds)

    def use(self, name: str, key: str, amount: int = 1) -> int:
        """Use *amount* of a limit, and return 0; if *key* has reached it, the seconds to wait."""
        rule = self.rules.get(name)
        if rule is None:
            return 0
        key = _short(key)
        wait = self._usage(name, key, rule).use(rule, self.period, self._now(), amount)
        if not wait:
            self._report_later(name, key, amount)
        return math.ceil(wait)

    def give_back(self, name: str, key: str) -> None:
        """Undo a `check` or a `use` of one."""
        self.count(name, key, -1)

    def count(self, name: str, key: str, amount: int) -> None:
        """Count *amount* as used, even if the limit is reached."""
        rule = self.rules.get(name)
        if rule is None:
            return
        key = _short(key)
        self._usage(name, key, rule).count(rule, self.period, self._now(), amount)
        self._report_later(name, key, amount)

    def report(self, name: str, key: str) -> None:
        """Report one use of a limit that is not counted here to the other servers."""
        if name in self.rules:
            self._report_later(name, _short(key), 1)

    def count_reported(self, name: str, key: str, amount: int) -> None:
        """Count *amount* that other servers reported for the last period."""
        rule = self.rules.get(name)
        if name in self.counters:
            self.counters[name](key, amount)
        elif rule is not None:
            self._usage(name, key, rule).count_reported(rule, self.period, self._now(), amount)

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
            usage = usages[key] = Usage(rule, self.period, self._now())
            if len(usages) > self._keys_max:
                usages.popitem(last=False)
        else:
            usages.move_to_end(key)
        return usage

    def _report_later(self, name: str, key: str, amount: int) -> None:
        if self.unreported is not None and amount:
            self.unreported[name, key] += amount


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
