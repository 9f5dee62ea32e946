"""Tests of the auth server alone: who gets a token, and what the token contains."""

import http.client
import json
import time

import jwt
import pytest
from auth_server import AuthServer

SECRET = "a secret that only these tests know"
ALICE = {"username": "alice", "password": "correct horse"}


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = time.time()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server(start_auth_server, clock):
    return start_auth_server(SECRET, now=clock)


def send(server: AuthServer, method: str, path: str, body="", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.request(method, path, body, {"Content-Type": "application/json", **headers})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response, answer


def sign_in(server):
    response, _ = send(server, "POST", "/session", json.dumps(ALICE))
    assert response.status == 200
    return response.headers["Set-Cookie"].split(";")[0]


def token_status(server, cookie):
    return send(server, "POST", "/custom-token", Cookie=cookie)[0].status


def test_a_signed_in_user_gets_a_custom_token(server):
    response, answer = send(server, "POST", "/custom-token", Cookie=sign_in(server))

    claims = jwt.decode(answer["token"], SECRET, algorithms=["HS256"])
    assert claims["sub"] == "u-1001"
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["skyprofile"] == {"username": "alice", "email": "alice@example.com"}
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("cookie", ["", "session=", "session=made-up", "\u00e9;="])
def test_without_a_session_there_is_no_token(server, cookie):
    assert token_status(server, cookie) == 401


@pytest.mark.parametrize(
    "credentials",
    [
        {**ALICE, "password": "wrong"},
        {**ALICE, "password": "\ud800"},
        {"username": "eve"},
        {},
        None,
        [],
    ],
)
def test_wrong_credentials_are_refused(server, credentials):
    response, _ = send(server, "POST", "/session", json.dumps(credentials))

    assert response.status == 401
    assert response.headers["Set-Cookie"] is None


def test_signing_out_ends_the_session(server):
    cookie = sign_in(server)

    send(server, "DELETE", "/session", Cookie=cookie)

    assert token_status(server, cookie) == 401


def test_a_session_ends_after_eight_hours(server, clock):
    cookie = sign_in(server)

    clock.now += 8 * 3600

    assert token_status(server, cookie) == 401


def test_invalid_requests_are_refused(server):
    assert send(server, "POST", "/session", "x")[0].status == 400
    assert send(server, "POST", "/session", "x", **{"Content-Type": "text/plain"})[0].status == 415
    assert send(server, "POST", "/session", "[" * 9_000)[0].status == 400
    assert send(server, "POST", "/session", "x" * 20_000)[0].status == 413
    assert send(server, "POST", "/session", **{"Content-Length": "\u00b2"})[0].status == 413
    assert send(server, "POST", "/elsewhere")[0].status == 404
