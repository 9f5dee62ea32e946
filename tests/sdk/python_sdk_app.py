"""An app's server on the original's Python SDK, unchanged.

It runs in the environment of the SDK and shares no code with the tests: it reads
APP_SETTINGS, prints what it saw as a line of JSON, and fails at the first mistake.
"""

import json
import os
import sys
import time

from skygear.container import SkygearContainer
from skygear.database import Database
from skygear.models import Record, RecordID
from skygear.predicate import Predicate
from skygear.pubsub import Hub
from skygear.query import Query
from skygear.transmitter.http import HttpTransport
from websocket import create_connection

SECONDS_MAX = 20
DUPLICATED = 109
INVALID_CREDENTIALS = 105
PERMISSION_DENIED = 102
USER_DISABLED = 127
PASSWORD = "correct horse 1"


class Client:
    """A client of the app: a user, or with the master key the app's own server."""

    def __init__(self, settings, api_key):
        self.container = SkygearContainer(
            settings["endPoint"], api_key, transport=HttpTransport("127.0.0.1:0")
        )

    def ask(self, action, **params):
        """Return the result of an action, which must succeed."""
        answer = self.container.send_action(action, params)
        assert "error" not in answer, (action, answer)
        return answer["result"]

    def be_refused(self, code, action, **params):
        """Return the error of an action, which must have *code*."""
        answer = self.container.send_action(action, params)
        assert answer.get("error", {}).get("code") == code, (action, answer)
        return answer["error"]

    def enter(self, action, **params):
        """Sign up or log in, and continue as that user."""
        user = self.ask(action, **params)
        self.container.access_token = user["access_token"]
        return user


def play(settings):
    """Run every part of the app."""
    client, operator = Client(settings, settings["apiKey"]), Client(settings, settings["masterKey"])
    name = f"app-{settings['run']}"
    user = sign_up(client, name)
    notes = save_records(client.container.public_database, user, name)
    disabled = govern_users(client, operator, name)
    anonymous = client.enter("auth:signup")
    assert client.ask("me")["user_id"] == anonymous["user_id"]
    first, second = (
        client.enter("sso:custom_token:login", token=token) for token in settings["customTokens"]
    )
    assert first["user_id"] == second["user_id"]
    assert [login["profile"]["level"] for login in (first, second)] == [1, 2]
    return {
        "user_id": user["user_id"],
        "notes": notes,
        "disabled": disabled,
        "anonymous": anonymous["user_id"],
        "principal": first["user_id"],
        "messages": pass_messages(settings),
    }


def sign_up(client, name):
    """Sign up and log in, also with wrong data."""
    auth = {"username": name}
    user = client.enter("auth:signup", auth_data=auth, password=PASSWORD, profile={"level": 3})
    client.be_refused(DUPLICATED, "auth:signup", auth_data=auth, password=PASSWORD)
    client.be_refused(INVALID_CREDENTIALS, "auth:login", auth_data=auth, password="wrong")
    again = client.enter("auth:login", auth_data=auth, password=PASSWORD)
    assert again["user_id"] == user["user_id"] == client.ask("me")["user_id"]
    assert again["profile"]["level"] == 3  # noqa: PLR2004
    return user


def save_records(database: Database, user, name):
    """Save the profile and records, query them, delete one."""
    profile = Record(RecordID("user", user["user_id"]), None, None, data={"nickname": "Alice"})
    saved = database.save(profile)["result"][0]
    assert saved["nickname"] == "Alice", saved
    (found,) = database.query(Query("user", predicate=Predicate(username__eq=name)))
    assert [found["nickname"], found["level"]] == ["Alice", 3]

    notes = [
        Record(RecordID("note", f"{name}-{number}"), None, None, data={"ordinal": number})
        for number in (1, 2, 3)
    ]
    assert [item["ordinal"] for item in database.save(notes)["result"]] == [1, 2, 3]
    query = Query("note", predicate=Predicate(ordinal__gt=1)).add_order("ordinal", "desc")
    assert [note["ordinal"] for note in database.query(query)] == [3, 2]
    assert database.delete(notes[0])["result"][0]["_id"] == f"note/{name}-1"
    return sorted(note["ordinal"] for note in database.query(Query("note")))


def govern_users(client, operator, name):
    """Assign roles and disable a user, with the master key."""
    email = {"email": f"{name}@example.com"}
    other = client.enter("auth:signup", auth_data=email, password=PASSWORD)
    users = [other["user_id"]]
    client.be_refused(PERMISSION_DENIED, "role:assign", users=users, roles=["Writer"])
    operator.ask("role:assign", users=users, roles=["Writer"])
    assert operator.ask("role:get", users=users) == {users[0]: ["Writer"]}
    operator.ask("role:revoke", users=users, roles=["Writer"])
    assert "roles" not in client.ask("me")
    operator.ask("auth:disable:set", auth_id=users[0], disabled=True, message="too loud")
    client.be_refused(USER_DISABLED, "me")
    client.container.access_token = None
    refusal = client.be_refused(USER_DISABLED, "auth:login", auth_data=email, password=PASSWORD)
    operator.ask("auth:disable:set", auth_id=users[0], disabled=False)
    client.enter("auth:login", auth_data=email, password=PASSWORD)
    client.container.access_token = None
    return {"user_id": users[0], "message": refusal["info"]["message"]}


def pass_messages(settings):
    """Publish with the SDK; listen with the library that the SDK uses."""
    url = settings["endPoint"].replace("http://", "ws://") + "pubsub"
    channel = f"room {settings['run']}"
    key = f"X-Skygear-API-Key: {settings['apiKey']}"
    listener = create_connection(url, timeout=SECONDS_MAX, header=[key])
    listener.send(json.dumps({"action": "sub", "channel": channel}))
    # A subscription is not confirmed; an answer to something else shows that it was read.
    listener.send(json.dumps({"action": "?", "channel": channel}))
    assert listener.recv() == "Unknow action"

    started = time.monotonic()
    sent = {"ordinal": 1, "text": "<é> & \u2028", "list": [1, None, {}]}
    Hub(end_point=url, api_key=settings["apiKey"]).publish([channel, "elsewhere"], sent)
    heard = json.loads(listener.recv())
    assert time.monotonic() - started < SECONDS_MAX
    listener.close()
    assert heard["channel"] == channel, heard
    return heard["data"]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(play(json.loads(os.environ["APP_SETTINGS"]))) + "\n")
