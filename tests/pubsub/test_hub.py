"""Subscriptions, and the queues of slow listeners."""

import pytest
from skylogin.pubsub.hub import (
    CHANNELS_MAX,
    WAIT_SECONDS_MAX,
    WAITING_BYTES_MAX,
    Channel,
    Hub,
    Listener,
    TooManyChannelsError,
)

NEWS = Channel("shop", "public", "news")


def subscribed(hub: Hub) -> Listener:
    """Return a listener that is subscribed to NEWS."""
    listener = Listener(lambda: None)
    hub.subscribe(listener, NEWS)
    return listener


def test_a_frame_waits_for_a_second() -> None:
    """Then it is dropped; a later one is not."""
    hub = Hub()
    listener = subscribed(hub)
    hub.publish(NEWS, b"early", now=0)
    hub.publish(NEWS, b"late", now=0.5)

    assert listener.take(WAIT_SECONDS_MAX + 0.1) == b"late"
    assert listener.take(WAIT_SECONDS_MAX + 0.1) is None


def test_a_full_queue_drops_new_frames_until_old_ones_are_late() -> None:
    """A frame that is larger than the queue is accepted only into an empty one."""
    listener = Listener(lambda: None)
    large = bytes(WAITING_BYTES_MAX + 1)

    for frame in (large, b"dropped"):
        listener.put(frame, now=0)
    assert (listener.take(0), listener.take(0)) == (large, None)

    listener.put(large, now=0)
    listener.put(b"in time", now=WAIT_SECONDS_MAX + 0.1)
    assert listener.take(WAIT_SECONDS_MAX + 0.1) == b"in time"


def test_the_sender_is_woken_for_each_accepted_frame() -> None:
    """Not for a dropped one."""
    woken: list[None] = []
    listener = Listener(lambda: woken.append(None))

    for frame in (b"a", b"b", bytes(WAITING_BYTES_MAX)):
        listener.put(frame, now=0)

    assert len(woken) == 2  # noqa: PLR2004


def test_a_channel_exists_as_long_as_it_has_subscribers() -> None:
    """Leaving ends all subscriptions of a listener."""
    hub = Hub()
    first, second = subscribed(hub), subscribed(hub)
    hub.subscribe(first, Channel("shop", "internal", "news"))

    hub.leave(first)
    assert (hub.count_channels(), first.channels) == (1, set())
    hub.unsubscribe(second, NEWS)
    assert hub.count_channels() == 0


def test_subscribing_again_counts_once() -> None:
    """A listener at the limit may repeat a subscription, but not add one."""
    hub = Hub()
    listener = Listener(lambda: None)
    for number in range(CHANNELS_MAX):
        hub.subscribe(listener, Channel("shop", "public", str(number)))

    hub.subscribe(listener, Channel("shop", "public", "0"))
    with pytest.raises(TooManyChannelsError):
        hub.subscribe(listener, NEWS)
