"""The limits on calls that are checked when only the headers have been read."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from aiohttp import web

from skylogin.actions.services import Services
from skylogin.apps.limits import source_of
from skylogin.domain.limit_table import BODY_BYTES, CALLS
from skylogin.http.forwarding import client_of


def checked(request: web.Request, services: Services) -> AbstractContextManager[None]:
    """Count a call and, at the end of the block, the bytes of its body.

    Raises SkygearError if the client's address has reached a limit.
    """
    rules = services.limits.rules
    if CALLS not in rules and BODY_BYTES not in rules:
        return nullcontext()
    return _counted(request, services)


@contextmanager
def _counted(request: web.Request, services: Services) -> Iterator[None]:
    limits = services.limits
    source = source_of(client_of(request, services.settings).address)
    limits.check(CALLS, source)
    limits.check(BODY_BYTES, source, 0)
    try:
        yield
    finally:
        limits.count(BODY_BYTES, source, request.content.total_bytes)
