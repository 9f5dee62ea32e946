"""The issuer of `skylogin dev`: custom tokens for an app that has no authentication server yet.

It needs no password, so it answers only programs, pages on loopback, and its own page, which lists
the app's users and signs in the one that is clicked.
"""

import re
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import hdrs, web

from skylogin.actions.services import Services
from skylogin.domain import subject
from skylogin.encoding import json_text
from skylogin.encoding.json_text import NotJsonError
from skylogin.http import fault_answers, origin
from skylogin.http.bodies import Bodies, BodyTooLargeError, BodyTooSlowError, MemoryFullError
from skylogin.http.errors import status_of
from skylogin.http.forwarding import Client
from skylogin.operations import tokens, users
from skylogin.operations.operator import Operator, RefusedError, enter, operator_of
from skylogin.operations.tokens import TokenOrder
from skylogin.portal import profile_tree, templates
from skylogin.portal.request import BASE
from skylogin.portal.session import FORM_TYPE
from skylogin.store.user_search import Search
from skylogin.tokens.custom_token import DOCUMENTED

USERS_SHOWN_MAX = 100
BODY_BYTES_MAX = 65_536
# A backslash or a user name would let a browser see another host than `urlsplit` does.
_ADDRESS = re.compile(
    r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?([/?#][!-~]*)?", re.ASCII | re.IGNORECASE
)
HEADERS = {
    "Cache-Control": "no-store",
    # No `form-action`: browsers would apply it to the redirect after the form, to another origin.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Vary": "Origin",
}


async def answer(
    request: web.Request, services: Services, client: Client, bodies: Bodies, name: str
) -> web.StreamResponse:
    """Answer a request for a token of the app called *name*, or for the page."""
    sender, names = origin.whole(request.headers, "Origin"), services.settings.host_names
    foreign = origin.foreign_host((request.host, client.host), names)
    if foreign is not None or not origin.is_on_loopback(sender):
        return _problem(HTTPStatus.FORBIDDEN, "a page of another site gets no token")
    try:
        response = await _answer(request, services, client, bodies, name)
    except RefusedError as error:
        response = _problem(status_of(error) or HTTPStatus.BAD_REQUEST, str(error))
    if sender:
        response.headers["Access-Control-Allow-Origin"] = sender
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type"
    for header, value in HEADERS.items():
        response.headers.setdefault(header, value)
    return response


async def _answer(
    request: web.Request, services: Services, client: Client, bodies: Bodies, name: str
) -> web.Response:
    if request.method == hdrs.METH_OPTIONS:
        return web.Response()
    operator = operator_of(services, "issuer", client.address)
    app, operator = await enter(services, operator, name, may_make=True)
    request[fault_answers.CLOCK] = app.clock
    if request.method in (hdrs.METH_GET, hdrs.METH_HEAD):
        given = dict(request.query)
        _check_address(given.get("redirect_uri", ""))
        return await _page(operator, app.name, given, client)
    if request.method != hdrs.METH_POST:
        return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "use GET or POST", {"Allow": "GET, POST"})
    return await _issue(request, operator, app.name, await _read(request, bodies))


async def _issue(
    request: web.Request, operator: Operator, app: str, given: dict[str, object]
) -> web.Response:
    sub, address = given.get("sub"), given.get("redirect_uri") or ""
    is_form = request.content_type == FORM_TYPE
    if not isinstance(sub, str) or not isinstance(address, str):
        raise RefusedError('send a sub that is a string: {"sub": "alice"} as application/json')
    _check_address(address)
    documented = operator.settings.contract == DOCUMENTED
    wrong = subject.problem(sub, documented=documented)
    if wrong:
        raise RefusedError(f"sub {wrong}")
    claims: dict[str, object] = {"sub": sub}
    if "skyprofile" in given:
        claims["skyprofile"] = given["skyprofile"]
    token = await tokens.mint(operator, app, TokenOrder(claims))
    if not (is_form and address):
        return _json({"token": token})
    # The page that sent the browser here gets its `state` back with the token.
    state = {"state": str(given["state"])} if given.get("state") else {}
    parts = urlsplit(address)
    query = "&".join(filter(None, (parts.query, urlencode({"token": token, **state}))))
    headers = {"Location": parts._replace(query=query).geturl()}
    return web.Response(status=HTTPStatus.SEE_OTHER, headers=headers)


def _check_address(address: str) -> None:
    """Raise RefusedError unless a browser may be sent to *address* with a token."""
    match = _ADDRESS.fullmatch(address)
    if address and (match is None or not origin.is_on_loopback(f"http://{match[1]}")):
        raise RefusedError("redirect_uri has to be an http or https URL on this machine")


async def _read(request: web.Request, bodies: Bodies) -> dict[str, object]:
    """Return the fields of a body, JSON or a form."""

    def parse(data: bytes) -> object:
        if request.content_type == FORM_TYPE:
            return dict(parse_qsl(data.decode(errors="replace"), keep_blank_values=True))
        return json_text.read_whole(json_text.decode(data))

    try:
        async with bodies.read(request, BODY_BYTES_MAX, parse) as value:
            if isinstance(value, dict):
                return value
    except (BodyTooLargeError, BodyTooSlowError, MemoryFullError):
        raise RefusedError("the body is too large, or arrives too slowly") from None
    except NotJsonError as error:
        raise RefusedError(f"the body is not JSON: {error}") from None
    raise RefusedError("the body is not a JSON object")


async def _page(
    operator: Operator, app: str, given: dict[str, str], client: Client
) -> web.Response:
    found = await users.find(operator, app, Search(sort="created_at", limit=USERS_SHOWN_MAX))
    rows = [
        (found.subjects[user.id], profile_tree.name_of(user), user.disabled_at(operator.now()))
        for user in found.users
        if user.id in found.subjects
    ]
    values = {
        "app": app,
        "rows": sorted(rows),
        "has_more": bool(found.next_cursor),
        "redirect_uri": given.get("redirect_uri", ""),
        "state": given.get("state", ""),
        "portal": client.prefix + BASE,
    }
    return web.Response(text=templates.render("issuer.html", values), content_type="text/html")


def _problem(status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return _json({"error": text}, status, headers)


def _json(
    body: object, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        status=status, body=json_text.write(body), content_type="application/json", headers=headers
    )
