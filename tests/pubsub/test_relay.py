"""Messages that are published at one worker process and heard at another."""

import asyncio
import socket
from contextlib import ExitStack

from skylogin.pubsub.hub import Channel, Hub, Listener
from skylogin.pubsub.relay import BUFFER_BYTES, Relay, make_inboxes

CHANNEL = Channel("myapp", "public", 'a "channel"\nwith ☃')
COUNT = 3
Inboxes = list[tuple[socket.socket, socket.socket]]


class Worker:
    """A hub with one listener, and its relay."""

    def __init__(self, number: int, inboxes: Inboxes) -> None:
        readers, writers = [one for one, _ in inboxes], [one for _, one in inboxes]
        writers.pop(number)
        self.relay = Relay(readers[number], writers)
        self.hub = Hub()
        self.heard = asyncio.Event()
        self.listener = Listener(self.heard.set)
        self.hub.subscribe(self.listener, CHANNEL)

    def take(self) -> bytes | None:
        """Return the next frame for the listener."""
        return self.listener.take(asyncio.get_running_loop().time())


async def test_messages_reach_the_other_workers() -> None:
    """In order, each once, on their channel only, whatever is in them."""
    inboxes = make_inboxes(COUNT)
    workers = [Worker(number, inboxes) for number in range(COUNT)]
    frames = [b"a\nb\x00", b"", b"x" * 65_536, b"last"]
    with ExitStack() as stack:
        for worker in workers:
            stack.enter_context(worker.relay.receiving(worker.hub))
        workers[0].relay.send(Channel("other", "public", CHANNEL.name), b"not for them")
        for frame in frames:
            workers[0].relay.send(CHANNEL, frame)
        for worker in workers[1:]:
            heard = []
            while heard[-1:] != frames[-1:]:
                await worker.heard.wait()
                worker.heard.clear()
                while (frame := worker.take()) is not None:
                    heard.append(frame)
            assert heard == frames
        assert workers[0].take() is None
    close(inboxes)


async def test_a_worker_that_does_not_read_delays_no_other() -> None:
    """What does not fit is dropped, and what waits for its successor too."""
    inboxes = make_inboxes(2)
    sender, stuck = (Worker(number, inboxes) for number in range(2))
    for _ in range(10_000):
        sender.relay.send(CHANNEL, b"x" * 1000)
    sender.relay.send(CHANNEL, b"x" * (BUFFER_BYTES + 1))
    with stuck.relay.receiving(stuck.hub):
        assert stuck.take() is None
        sender.relay.send(CHANNEL, b"heard")
        await stuck.heard.wait()
        assert stuck.take() == b"heard"
    close(inboxes)


async def test_the_last_worker_stops_reading() -> None:
    """An inbox that nobody can write to would always be ready."""
    inboxes = make_inboxes(1)
    worker = Worker(0, inboxes)
    with worker.relay.receiving(worker.hub):
        inboxes[0][1].close()
        for _ in range(3):
            await asyncio.sleep(0)
        assert not asyncio.get_running_loop().remove_reader(inboxes[0][0])
    close(inboxes)


def close(inboxes: Inboxes) -> None:
    """Close both ends of each."""
    for end in (end for ends in inboxes for end in ends):
        end.close()
