"""The subscriptions to channels, and the frames that wait to be sent to each connection.

A slow listener does not delay others: frames that it does not take within a second are dropped,
and so are those that do not fit into its queue. Times are seconds of a monotonic clock.
"""

import math
from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

# As in the original (pkg/server/pubsub/hub.go).
WAIT_SECONDS_MAX = 1.0
WAITING_BYTES_MAX = 4 * 1024 * 1024
# The original has no limit. More channels are an accident or an attack.
CHANNELS_MAX = 1000
# What a waiting frame costs besides its bytes.
FRAME_COST_BYTES = 200


class Channel(NamedTuple):
    """A channel of one of an app's two hubs."""

    app: str
    hub: str
    name: str


class Listener:
    """A connection: the channels it is subscribed to, and its queue of frames."""

    def __init__(self, wake: Callable[[], None], source: str = "") -> None:
        self.channels: set[Channel] = set()
        self.source = source
        self._wake = wake
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._waiting_bytes = 0

    def put(self, frame: bytes, now: float) -> None:
        """Add *frame* to the queue unless it is full, and wake the sender."""
        self._drop_late(now)
        cost = len(frame) + FRAME_COST_BYTES
        # A frame that is larger than the queue is accepted into an empty one.
        if self._waiting and self._waiting_bytes + cost > WAITING_BYTES_MAX:
            return
        self._waiting.append((now + WAIT_SECONDS_MAX, frame))
        self._waiting_bytes += cost
        self._wake()

    def take(self, now: float) -> bytes | None:
        """Return the next frame to send, or None."""
        self._drop_late(now)
        return self._pop() if self._waiting else None

    def _drop_late(self, now: float) -> None:
        while self._waiting and self._waiting[0][0] < now:
            self._pop()

    def _pop(self) -> bytes:
        _, frame = self._waiting.popleft()
        self._waiting_bytes -= len(frame) + FRAME_COST_BYTES
        return frame


class TooManyChannelsError(ValueError):
    """A listener subscribes to more than CHANNELS_MAX channels, or its source to too many."""


class Hub:
    """The subscriptions of all apps. Those of one source are at most *per_source*."""

    def __init__(self) -> None:
        self.per_source = math.inf
        self._by_source: Counter[str] = Counter()
        # The listeners of each channel, in the order of their subscriptions.
        self._listeners: dict[Channel, dict[Listener, None]] = {}

    def subscribe(self, listener: Listener, channel: Channel) -> None:
        """Subscribe *listener* to *channel*. Raises TooManyChannelsError."""
        if channel not in listener.channels:
            if len(listener.channels) >= CHANNELS_MAX:
                raise TooManyChannelsError(
                    f"no more than {CHANNELS_MAX} channels for one connection"
                )
            if self._by_source[listener.source] >= self.per_source:
                raise TooManyChannelsError("too many channels for one address")
            self._by_source[listener.source] += 1
        listener.channels.add(channel)
        self._listeners.setdefault(channel, {})[listener] = None

    def unsubscribe(self, listener: Listener, channel: Channel) -> None:
        """End the subscription of *listener* to *channel*."""
        if channel in listener.channels:
            listener.channels.remove(channel)
            self._by_source[listener.source] -= 1
            if not self._by_source[listener.source]:
                del self._by_source[listener.source]
        listeners = self._listeners.get(channel, {})
        listeners.pop(listener, None)
        if not listeners:
            self._listeners.pop(channel, None)

    def leave(self, listener: Listener) -> None:
        """End all subscriptions of *listener*."""
        for channel in list(listener.channels):
            self.unsubscribe(listener, channel)

    def publish(self, channel: Channel, frame: bytes, now: float) -> None:
        """Give *frame* to all subscribers of *channel*."""
        for listener in self._listeners.get(channel, ()):
            listener.put(frame, now)

    def count_channels(self) -> int:
        """Return how many channels have subscribers."""
        return len(self._listeners)
