"""Forgotten passwords and verified users, by the mails of the outbox."""

from http import HTTPStatus
from typing import Any

import pytest
from skylogin import config

from tests.applications import MakeClient
from tests.sites import MakeSite, SiteApp

EMAIL, PASSWORD, NEW_PASSWORD = "Alice@example.com", "a long password", "another password"
FORGOT, RESET = "user:forgot-password", "user:reset-password"
REQUEST, VERIFY = "user:verify_request", "user:verify_code"
PROFILE = {"phone": "+852 1"}


async def sign_up(app: SiteApp, email: str = EMAIL) -> dict[str, Any]:
    """Sign up, and return the result."""
    auth = {"auth_data": {"email": email}, "password": PASSWORD, "profile": PROFILE}
    answer = await app.call("auth/signup", **auth)
    assert answer.ok, answer.text
    return dict(answer.json()["result"])


async def mails(app: SiteApp) -> list[dict[str, Any]]:
    """Return the mails of the outbox."""
    found: list[dict[str, Any]] = (await app.admin("GET", "outbox")).json()["mails"]
    return found


async def run(app: SiteApp, name: str, args: Any, token: str = "") -> dict[str, Any]:
    """Call a function of the plugin, and return the body of the answer."""
    answer = await app.call("", action=name, args=args, access_token=token or None)
    return dict(answer.json())


async def forget(app: SiteApp) -> dict[str, Any]:
    """Forget a password, and return the arguments that set a new one."""
    assert await run(app, FORGOT, {"email": EMAIL}) == {"result": {"status": "OK"}}
    mail = (await mails(app))[-1]
    _, _, query = mail["link"].partition("?")
    pairs = dict(pair.split("=") for pair in query.split("&"))
    assert pairs["code"] == mail["code"]
    return {**pairs, "expire_at": int(pairs["expire_at"]), "new_password": NEW_PASSWORD}


async def log_in(app: SiteApp, password: str) -> int:
    """Log in, and return the status."""
    auth = {"auth_data": {"email": EMAIL}, "password": password}
    return (await app.call("auth/login", **auth)).status


async def test_a_forgotten_password_is_replaced_once(site_app: SiteApp) -> None:
    """By the code of the mail, in the order of the arguments or by their names."""
    user = await sign_up(site_app)
    arguments = await forget(site_app)
    [mail] = await mails(site_app)
    assert (mail["kind"], mail["to"], mail["user_id"]) == ("reset", EMAIL, user["user_id"])

    names = ("user_id", "code", "expire_at", "new_password")
    done = await run(site_app, RESET, [arguments[name] for name in names])

    assert done == {"result": {"status": "OK"}}
    assert await log_in(site_app, PASSWORD) == HTTPStatus.UNAUTHORIZED
    assert await log_in(site_app, NEW_PASSWORD) == HTTPStatus.OK
    again = await run(site_app, RESET, arguments)
    assert again["error"]["message"] == "user_id is not found or code invalid"
    assert (await mails(site_app))[0]["used"]
    assert NEW_PASSWORD not in (await site_app.admin("GET", "calls")).text


async def test_an_unknown_address_looks_like_a_known_one(site_app: SiteApp) -> None:
    """But gets no mail."""
    assert await run(site_app, FORGOT, {"email": "no@example.com"}) == {"result": {"status": "OK"}}
    assert await mails(site_app) == []


@pytest.mark.parametrize("keys", ["email", "username"])
async def test_the_case_of_an_address_does_not_count(make_client: MakeClient, keys: str) -> None:
    """Where it is unique. The mail goes to the address as the user wrote it."""
    app = SiteApp(await make_client(AUTH_RECORD_KEYS=keys))
    await app.log_in("alice", email=EMAIL)

    for email in (EMAIL.lower(), EMAIL, {"a": 1}, "\ud800", 1.5):
        assert "result" in await run(app, FORGOT, {"email": email})
    assert (await run(app, FORGOT, ["\0"]))["error"]["name"] == "InvalidArgument"

    assert [mail["to"] for mail in await mails(app)] == [EMAIL] * (2 if keys == "email" else 1)


WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "no user": ({"user_id": None}, 108, "user_id must be set"),
    "no code": ({"code": ""}, 108, "code must be set"),
    "no time": ({"expire_at": None}, 108, "expire_at must be set"),
    "no number": ({"expire_at": "soon"}, 108, "expire_at must be set"),
    "another time": ({"expire_at": 2**40}, 110, "user_id is not found or code invalid"),
    "another code": ({"code": "00000000"}, 110, "user_id is not found or code invalid"),
    "another user": ({"user_id": "nobody"}, 110, "user_id is not found or code invalid"),
    "a strange code": ({"code": "\ud800"}, 110, "user_id is not found or code invalid"),
    "a strange user": ({"user_id": "\ud800"}, 110, "user_id is not found or code invalid"),
    "no password": ({"new_password": ""}, 108, "empty password"),
    "a list": ({"new_password": ["a"]}, 108, "empty password"),
}


@pytest.mark.parametrize(("change", "code", "message"), WRONG.values(), ids=WRONG)
async def test_a_wrong_reset_is_refused(
    site_app: SiteApp, change: dict[str, Any], code: int, message: str
) -> None:
    """As the plugin does; the right one still works."""
    await sign_up(site_app)
    arguments = await forget(site_app)

    error = (await run(site_app, RESET, {**arguments, **change}))["error"]

    assert (error["code"], error["message"]) == (code, message)
    assert "result" in await run(site_app, RESET, arguments)


async def test_a_code_for_a_password_ends_with_its_time_and_the_next_login(
    site_app: SiteApp,
) -> None:
    """After twelve hours by the app's clock."""
    await sign_up(site_app)
    late = await forget(site_app)
    await site_app.admin("POST", "clock/advance", seconds=12 * 3600 + 1)
    assert "error" in await run(site_app, RESET, late)
    logged_in = await forget(site_app)
    await log_in(site_app, PASSWORD)

    assert "error" in await run(site_app, RESET, logged_in)


@pytest.mark.core
async def test_a_user_is_verified_by_a_code(make_client: MakeClient) -> None:
    """With VERIFY_REQUIRED, a call that was refused is then carried out."""
    app = SiteApp(await make_client(VERIFY_REQUIRED="yes"))
    token = (await sign_up(app))["access_token"]
    refused = await app.call("me", access_token=token)
    assert refused.json()["error"]["name"] == "VerificationRequired"

    assert [mail["to"] for mail in await mails(app)] == [EMAIL, PROFILE["phone"]]
    await app.admin("DELETE", "outbox")
    assert await run(app, REQUEST, {"record_key": "email"}, token) == {"result": None}
    [mail] = await mails(app)
    assert (mail["kind"], mail["to"], len(mail["code"])) == ("verification", EMAIL, 6)
    assert await run(app, VERIFY, {"code": mail["code"]}, token) == {"result": None}

    profile = (await app.call("me", access_token=token)).json()["result"]["profile"]
    assert (profile["email_verified"], profile["is_verified"]) == (True, True)
    again = await run(app, VERIFY, {"code": mail["code"]}, token)
    assert again["error"]["message"].startswith(f"the code `{mail['code']}` is not valid")


async def test_a_new_user_gets_a_code_if_all_must_be_verified(make_client: MakeClient) -> None:
    """At the first login with a custom token too, unless that says that the user is verified."""
    app = SiteApp(await make_client(VERIFY_REQUIRED="yes"))
    for _ in range(2):
        await app.log_in("alice", email=EMAIL)
    await app.log_in("bob", email="bob@example.com", is_verified=True)

    [mail] = await mails(app)

    token = (await app.log_in("alice")).json()["result"]["access_token"]
    assert await run(app, VERIFY, {"code": mail["code"]}, token) == {"result": None}
    assert (await app.call("me", access_token=token)).ok


async def test_only_a_user_asks_for_a_verification(site_app: SiteApp) -> None:
    """Of a field that has a value."""
    token = (await sign_up(site_app))["access_token"]
    for name, args in ((REQUEST, {"record_key": "email"}), (VERIFY, {"code": "1"})):
        error = (await run(site_app, name, args))["error"]
        assert error["message"] == "You must log in to perform this action."
        assert error["name"] == "NotAuthenticated"
    unknown = await run(site_app, REQUEST, {"record_key": "_id"}, token)
    assert unknown["error"]["message"] == "record_key `_id` is not configured to verify"
    other = (await site_app.log_in("bob")).json()["result"]["access_token"]
    nothing = (await run(site_app, REQUEST, ["phone"], other))["error"]
    assert nothing["message"].startswith("there is nothing to verify for record_key `phone`")


async def test_a_code_is_for_its_value_and_its_time(site_app: SiteApp) -> None:
    """Not for a phone number that was changed since, nor after a day."""
    user = await sign_up(site_app)
    token = user["access_token"]
    for _ in range(2):
        await run(site_app, REQUEST, {"record_key": "phone"}, token)
    codes = [mail["code"] for mail in await mails(site_app)]
    await site_app.admin("PATCH", f"users/{user['user_id']}", profile={"phone": "+852 2"})
    changed = await run(site_app, VERIFY, {"code": codes[0]}, token)
    assert "has since been modified" in changed["error"]["message"]
    await site_app.admin("PATCH", f"users/{user['user_id']}", profile=PROFILE)
    await site_app.admin("POST", "clock/advance", seconds=24 * 3600 + 1)

    late = await run(site_app, VERIFY, {"code": codes[1]}, token)

    assert late["error"]["message"] == "the code has expired"


@pytest.mark.parametrize("way", [("DELETE", "outbox"), ("POST", "reset")])
async def test_the_outbox_is_emptied(site_app: SiteApp, way: tuple[str, str]) -> None:
    """By itself, and with the app."""
    await sign_up(site_app)
    await forget(site_app)

    assert (await site_app.admin(*way)).ok

    assert await mails(site_app) == []


async def test_a_stub_answers_before_the_plugin(site_app: SiteApp) -> None:
    """A test may make it fail."""
    await site_app.admin("POST", "stubs", action=FORGOT, error="UnexpectedError", message="no mail")

    assert (await run(site_app, FORGOT, {"email": EMAIL}))["error"]["message"] == "no mail"


@pytest.mark.parametrize("name", [FORGOT, RESET, REQUEST, VERIFY])
async def test_serve_has_no_plugin(make_site: MakeSite, name: str) -> None:
    """It is 404, as every cloud function."""
    site = await make_site(config.SERVE, SKYLOGIN_LOGINS="all")
    payload = {"action": name, "api_key": "an-api-key", "args": {"email": EMAIL}}

    answer = await site.send("POST", name.replace(":", "/"), json=payload)

    assert answer.status == HTTPStatus.NOT_FOUND
    assert answer.json()["error"]["message"] == "route unmatched"
    assert site.services.app.outbox.all() == []
