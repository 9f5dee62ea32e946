"""What the app does: sign in to its own auth server, and log in to Skygear with a custom token.

python client.py alice 'correct horse'
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any


class RefusedError(Exception):
    """A refused request. *code* is Skygear's, 0 if the auth server refused."""

    def __init__(self, status: int, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def log_in(
    auth_server: str, endpoint: str, api_key: str, username: str, password: str
) -> dict[str, Any]:
    """Log in, and return Skygear's answer: `user_id`, `profile` and `access_token`."""
    token = fetch_custom_token(auth_server, username, password)
    return log_in_with_token(endpoint, api_key, token)


def fetch_custom_token(auth_server: str, username: str, password: str) -> str:
    """Sign in to the auth server, and return a custom token."""
    credentials = {"username": username, "password": password}
    _, headers = _post(f"{auth_server}session", credentials)
    cookie = headers["Set-Cookie"].split(";")[0]
    answer, _ = _post(f"{auth_server}custom-token", {}, {"Cookie": cookie})
    return str(answer["token"])


def log_in_with_token(endpoint: str, api_key: str, token: str) -> dict[str, Any]:
    """Log in to Skygear with a custom token."""
    payload = {"api_key": api_key, "token": token}
    answer, _ = _post(f"{endpoint}sso/custom_token/login", payload)
    result: dict[str, Any] = answer["result"]
    return result


def _post(
    url: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], Mapping[str, str]]:
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response), response.headers
    except urllib.error.HTTPError as refused:
        with refused:
            error = json.load(refused)["error"]
        if isinstance(error, str):
            raise RefusedError(refused.code, error) from None
        raise RefusedError(refused.code, error["message"], error["code"]) from None


def main(username: str, password: str) -> None:
    """Log in, and print the user's id."""
    auth_server = os.environ.get("AUTH_SERVER", "http://127.0.0.1:4000/")
    endpoint, api_key = os.environ["SKYGEAR_ENDPOINT"], os.environ["SKYGEAR_API_KEY"]
    try:
        user = log_in(auth_server, endpoint, api_key, username, password)
    except RefusedError as refused:
        sys.exit(str(refused))
    print(f"{username} is {user['user_id']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
