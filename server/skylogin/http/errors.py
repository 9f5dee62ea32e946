"""The HTTP statuses of errors that operators see."""

from http import HTTPStatus

from aiohttp import web

from skylogin.errors import UNABLE_TO_OPEN_DATABASE, UNEXPECTED_ERROR, Reason, SkygearError
from skylogin.http.bodies import BodyTooSlowError
from skylogin.operations.operator import ConflictError, MissingError, RefusedError

# The first match applies.
_STATUSES: dict[type[Exception], HTTPStatus] = {
    MissingError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    RefusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    web.HTTPRequestEntityTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BodyTooSlowError: HTTPStatus.REQUEST_TIMEOUT,
    SkygearError: HTTPStatus.UNPROCESSABLE_ENTITY,
}
_UNAVAILABLE = (UNABLE_TO_OPEN_DATABASE, UNEXPECTED_ERROR)


def status_of(error: Exception) -> HTTPStatus | None:
    """Return the status of the answer to *error*, None if it is a crash."""
    if isinstance(error, SkygearError) and error.reason is Reason.TOO_MANY:
        return HTTPStatus.TOO_MANY_REQUESTS
    if isinstance(error, SkygearError) and error.kind in _UNAVAILABLE:
        return HTTPStatus.SERVICE_UNAVAILABLE
    return next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), None)
