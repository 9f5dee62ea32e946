"""Signing in to the portal: the session cookie, and the token in every form."""

import secrets as randomness
from http import HTTPStatus

from aiohttp import web

from skylogin.http import bodies, origin
from skylogin.operations import portal_sessions
from skylogin.operations.refused_attempts import TooManyAttemptsError
from skylogin.portal.request import PageError, PageRequest, redirect_to

COOKIE = "skylogin_session"
FORM_TOKEN = "form_token"
FORM_TYPE = "application/x-www-form-urlencoded"
SIGN_IN = "sign-in"
# The largest form of a client that is not signed in.
SIGN_IN_BYTES_MAX = 16_384


def key_in(http_request: web.Request) -> str:
    """Return the session's key, empty if there is none. Cookies may come in several lines."""
    cookies = ";".join(http_request.headers.getall("Cookie", ()))
    pairs = (pair.partition("=") for pair in cookies.split(";"))
    key = next((value.strip(' \t"') for name, _, value in pairs if name.strip() == COOKIE), "")
    # A key is ASCII; other bytes of a header arrive as lone surrogates, which nothing can encode.
    return key if key.isascii() else ""


async def sign_in(request: PageRequest) -> web.StreamResponse:
    """Show the sign-in form, or sign in with it."""
    if request.http.method in origin.SAFE_METHODS:
        # This form's token needs a session too.
        request.session = request.session or portal_sessions.new_key()
        response = request.render("sign_in.html", problem="")
        set_cookie(response, request)
        return response
    await read_form(request, SIGN_IN_BYTES_MAX)
    try:
        # Always start a new session: an attacker may have set the old one.
        request.session = await portal_sessions.sign_in(
            request.operator,
            request.text("password"),
            request.services.attempt_limits,
            request.session,
        )
    except TooManyAttemptsError as error:
        status = HTTPStatus.TOO_MANY_REQUESTS
        response = request.render("sign_in.html", status=status, problem=str(error))
        response.headers["Retry-After"] = str(error.seconds)
        return response
    except portal_sessions.WrongPasswordError as error:
        status = HTTPStatus.UNAUTHORIZED
        return request.render("sign_in.html", status=status, problem=str(error))
    response = request.redirect("")
    set_cookie(response, request)
    return response


async def sign_out(request: PageRequest) -> web.StreamResponse:
    """End the session."""
    await portal_sessions.sign_out(request.operator, request.session)
    response = redirect_to(request.portal + SIGN_IN)
    response.del_cookie(COOKIE, path=request.portal)
    return response


def set_cookie(response: web.Response, request: PageRequest) -> None:
    """Set the session's cookie, for the portal's pages only."""
    response.set_cookie(
        COOKIE,
        request.session,
        path=request.portal,
        httponly=True,
        samesite="Strict",
        secure=request.client.scheme == "https",
    )


async def read_form(request: PageRequest, bytes_max: int | None = None) -> None:
    """Read the submitted form. Raises PageError if it is not from a page of this session.

    By default it may be as large as a body of the admin API.
    """
    if request.http.content_type != FORM_TYPE:
        raise PageError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The request is not a form.")
    http = request.http
    if bytes_max is not None:
        http = http.clone(client_max_size=bytes_max)
    async with bodies.in_time(http.client_max_size):
        request.form = await http.post()
    given = request.form.get(FORM_TOKEN)
    expected = portal_sessions.form_token(request.session)
    if not isinstance(given, str) or not randomness.compare_digest(
        given.encode(), expected.encode()
    ):
        text = "This form has expired, or is not from the portal. Reload the page and try again."
        raise PageError(HTTPStatus.FORBIDDEN, text)
