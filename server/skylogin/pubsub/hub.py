"""Who listens on which channel, and what waits to be sent to whom. Pure, but for its memory.

Nobody waits for a slow listener: what it does not take within a second is not sent to
it, and no more waits for it than has its place. Times are seconds of any steady clock.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

# As the original waits (pkg/server/pubsub/hub.go).
WAIT_SECONDS_MAX = 1.0
WAITING_BYTES_MAX = 4 * 1024 * 1024
# The original has no limit; a listener that wants more is an accident or an attack.
CHANNELS_MAX = 1000
# What keeping a frame costs besides its own bytes.
FRAME_COST_BYTES = 200


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of one of an app's two hubs."""

    app: str
    hub: str
    name: str


class Listener:
    """One connection: the channels it hears, and what waits to be sent to it, in order."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.channels: set[Channel] = set()
        self._wake = wake
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._waiting_bytes = 0

    def put(self, frame: bytes, now: float) -> None:
        """Have *frame* sent, unless too much waits already; whoever sends is woken."""
        self._drop_late(now)
        cost = len(frame) + FRAME_COST_BYTES
        # A frame that is too large for any queue may still be the only one.
        if self._waiting and self._waiting_bytes + cost > WAITING_BYTES_MAX:
            return
        self._waiting.append((now + WAIT_SECONDS_MAX, frame))
        self._waiting_bytes += cost
        self._wake()

    def take(self, now: float) -> bytes | None:
        """Return what is to be sent next, or None."""
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
    """A listener wants to hear more than CHANNELS_MAX channels."""


class Hub:
    """The subscriptions of all apps."""

    def __init__(self) -> None:
        # The listeners of a channel in the order in which they came.
        self._listeners: dict[Channel, dict[Listener, None]] = {}

    def subscribe(self, listener: Listener, channel: Channel) -> None:
        """Have *listener* hear *channel*, once. Raises TooManyChannelsError."""
        if channel not in listener.channels and len(listener.channels) >= CHANNELS_MAX:
            raise TooManyChannelsError
        listener.channels.add(channel)
        self._listeners.setdefault(channel, {})[listener] = None

    def unsubscribe(self, listener: Listener, channel: Channel) -> None:
        """Have *listener* hear no more of *channel*."""
        listener.channels.discard(channel)
        listeners = self._listeners.get(channel, {})
        listeners.pop(listener, None)
        if not listeners:
            self._listeners.pop(channel, None)

    def leave(self, listener: Listener) -> None:
        """Have *listener* hear nothing any more."""
        for channel in list(listener.channels):
            self.unsubscribe(listener, channel)

    def publish(self, channel: Channel, frame: bytes, now: float) -> None:
        """Hand *frame* to all who hear *channel* at this moment."""
        for listener in self._listeners.get(channel, ()):
            listener.put(frame, now)

    def count_channels(self) -> int:
        """Return how many channels somebody listens to."""
        return len(self._listeners)
