"""Cache a value from the database for a second."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from skylogin import clock

T = TypeVar("T")

KNOWN_SECONDS = 1.0
# Calls that ask for a newer value within this time share a load.
SHARED_SECONDS = 0.005
_NEVER = float("-inf")


class Refreshed(Generic[T]):
    """The result of *load*. Other servers see a change within a second.

    The server that makes a change calls `forget` and sees it at once.
    """

    def __init__(
        self, load: Callable[[], Awaitable[T]], monotonic: Callable[[], float] = clock.monotonic
    ) -> None:
        self._load_value = load
        self._monotonic = monotonic
        self._value: T
        self._loaded_at = _NEVER
        self._begun = self._ended = 0
        self._forgotten = 0
        self._loading: asyncio.Future[None] | None = None

    async def get(self) -> T:
        """Return a value at most a second old, or else that of a load that ends after this call.

        Such a load is good enough even if it took longer than a second: another would not be
        faster.
        """
        if not self._is_known():
            ended = self._ended
            while self._ended == ended or self._loaded_at == _NEVER:
                await self._load_together()
        return self._value

    async def get_last(self) -> T:
        """Return the value of the last load, however old; load it if it was not loaded yet."""
        return await self.get() if self._loaded_at == _NEVER else self._value

    async def get_newer(self) -> T:
        """Return the value from a load that begins after this call."""
        begun = self._begun
        await asyncio.sleep(self._loaded_at + SHARED_SECONDS - self._monotonic())
        while self._begun == begun or self._loading is not None or self._loaded_at == _NEVER:
            await self._load_together()
        return self._value

    def put(self, value: T) -> None:
        """Use *value*, which was just read elsewhere, in place of the first load."""
        self._value, self._loaded_at = value, self._monotonic()

    def forget(self) -> None:
        """Load the value again at its next use."""
        self._forgotten += 1
        self._loaded_at = _NEVER

    def _is_known(self) -> bool:
        return self._monotonic() - self._loaded_at < KNOWN_SECONDS

    async def _load_together(self) -> None:
        """Load, or wait for the end of the load that another call has begun, and fail as it does.

        With a lock, many calls would go one by one, each in another cycle of the event loop, and
        while the database is gone, each would wait for it anew.
        """
        loading = self._loading
        if loading is not None:
            await asyncio.wait([loading])
            loading.result()
            return
        self._loading = ended = asyncio.get_running_loop().create_future()
        try:
            await self._load()
        except Exception as error:
            ended.set_exception(error)
            # Mark it as retrieved, in case no other call waits for it.
            ended.exception()
            raise
        finally:
            self._loading = None
            if not ended.done():
                ended.set_result(None)

    async def _load(self) -> None:
        began_at, forgotten = self._monotonic(), self._forgotten
        self._begun += 1
        self._value = await self._load_value()
        self._ended += 1
        # A value that changed while it was loaded is loaded again.
        self._loaded_at = began_at if forgotten == self._forgotten else _NEVER
