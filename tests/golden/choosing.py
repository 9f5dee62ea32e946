"""Choosing the scenarios that ask for nothing but what the server offers.

The action of a request is found as the original finds it: the path first, then the body.
"""

import json
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.golden.scenarios import Request, Scenario

# What the original knows and the server answers only with a refusal of its own.
NOT_OFFERED = frozenset(
    {"asset:put", "device:register", "device:unregister", "push:device", "push:user"}
)

# All that the original knows. A name that is not among them is answered alike by everyone.
KNOWN = NOT_OFFERED | {
    "",
    "_status:healthz",
    "auth:disable:set",
    "auth:login",
    "auth:logout",
    "auth:password",
    "auth:reset_password",
    "auth:signup",
    "me",
    "record:delete",
    "record:fetch",
    "record:query",
    "record:save",
    "role:admin",
    "role:assign",
    "role:default",
    "role:get",
    "role:revoke",
    "schema:access",
    "schema:create",
    "schema:default_access",
    "schema:delete",
    "schema:fetch",
    "schema:field_access:get",
    "schema:field_access:update",
    "schema:rename",
    "sso:custom_token:login",
    "sso:oauth:link",
    "sso:oauth:login",
    "sso:oauth:signup",
    "sso:oauth:unlink",
}
FAMILIES_NOT_OFFERED = ("subscription:", "relation:")

# Paths that never come to an action: sockets and files.
OTHER_PATHS = ("/pubsub", "/_/pubsub", "/files")


def is_offered(scenario: Scenario) -> bool:
    """Return whether each request of *scenario* asks for something the server offers."""
    requests = [*(step.request for step in scenario.steps), *scenario.cleanup]
    return all(_is_offered(request) for request in requests)


def action_of(request: Request) -> str:
    """Return the name of the action that the original would look for."""
    path = unquote(urlsplit(request.path).path).removeprefix("/").replace("/", ":")
    if path and _is_known(path):
        return path
    body = _body_of(request)
    action = body.get("action") if isinstance(body, dict) else None
    return action if isinstance(action, str) else ""


def _is_offered(request: Request) -> bool:
    # The original answers OPTIONS before it looks for an action.
    if request.method == "OPTIONS":
        return True
    if unquote(request.path).startswith(OTHER_PATHS):
        return False
    action = action_of(request)
    return action not in NOT_OFFERED and not action.startswith(FAMILIES_NOT_OFFERED)


def _is_known(action: str) -> bool:
    return action in KNOWN or action.startswith(FAMILIES_NOT_OFFERED)


def _body_of(request: Request) -> Any:
    if request.has_json or request.body is None:
        return request.json
    try:
        # What follows the first value is not read.
        return json.JSONDecoder().raw_decode(str(request.body).lstrip(" \t\r\n"))[0]
    except ValueError:
        # No JSON is refused before there is an action.
        return None
