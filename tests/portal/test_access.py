"""Signing in to the portal, and what it shows without a session."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from http import HTTPStatus

import argon2
import bcrypt
import pytest
from skylogin import config
from skylogin.apps.attempt_limits import WAIT_SECONDS_MIN
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations.operator import list_acts
from skylogin.operations.portal_sessions import REFUSED, form_token
from skylogin.portal.routes import ROUTES
from skylogin.portal.session import FORM_TYPE, SIGN_IN_BYTES_MAX

from tests.applications import send_lines
from tests.sites import ADMIN_TOKEN, FORMS, PASSWORD, MakeSite, Site, fill, filled

pytestmark = pytest.mark.slow

STRANGER = "s" * 43
STRANGERS_TOKEN = form_token(STRANGER)
ORIGIN = {"Origin": "http://evil.example"}


async def test_every_page_needs_a_session_its_own_origin_and_a_form_token(serve_site: Site) -> None:
    """Anything else is refused, and changes nothing."""
    ids = await fill(serve_site)
    await serve_site.sign_in()
    key, token = serve_site.session_key, serve_site.form_token
    before = serve_site.state()

    for route in ROUTES:
        path = f"portal/apps/shop/{filled(route.path, ids)}"
        form = {**FORMS.get(route.path, {}), "form_token": token}
        is_form = route.method == "POST"
        data = form if is_form else None
        for wrong in ("", "wrong", "x" * 43):
            answer = await serve_site.send(route.method, path, session=wrong, data=data)
            if is_form:
                assert answer.status == HTTPStatus.UNAUTHORIZED, path
            else:
                assert (answer.status, answer.headers["Location"]) == (303, "/portal/sign-in"), path
        answer = await serve_site.send(route.method, path, session=key, data=data, headers=ORIGIN)
        assert answer.status == HTTPStatus.FORBIDDEN, path
        for other in ("", "0" * 64) if is_form else ():
            answer = await serve_site.send(
                "POST", path, session=key, data={**form, "form_token": other}
            )
            # `skylogin serve` does not have the page at all.
            missing = HTTPStatus.NOT_FOUND if route.dev_only else HTTPStatus.FORBIDDEN
            assert answer.status == missing, path

    assert serve_site.state() == before


async def test_serve_has_no_portal_without_a_password(make_site: MakeSite) -> None:
    """The page names the setting."""
    site = await make_site(config.SERVE, SKYLOGIN_ADMIN_PASSWORD="")

    page = await site.get("users")

    assert page.status == HTTPStatus.NOT_FOUND
    assert "SKYLOGIN_ADMIN_PASSWORD" in page.text


COOKIES = ("skylogin_session=\xff", "\xff=\xfe", "skylogin_session=\xff; skylogin_session=a")


@pytest.mark.parametrize("cookie", COOKIES)
async def test_a_cookie_that_is_not_ascii_is_ignored(cookie: str, dev_site: Site) -> None:
    """Nor is it an error of the server."""
    status, _ = await send_lines(
        dev_site.browser, "GET /portal/ HTTP/1.1", "Host: localhost", f"Cookie: {cookie}"
    )

    assert status == HTTPStatus.OK


async def test_another_password_ends_the_sessions(serve_site: Site) -> None:
    """Of everybody who knew the old one, at once."""
    await serve_site.sign_in()
    assert (await serve_site.get("users")).status == HTTPStatus.OK

    serve_site.services.change({"admin_password": "a password of today"})

    answer = await serve_site.get("users")
    assert (answer.status, answer.headers["Location"]) == (303, "/portal/sign-in")


async def test_the_sixth_wrong_password_blocks_sign_in(serve_site: Site) -> None:
    """Even the right password is refused for a while, which the answer tells."""
    for _ in range(5):
        assert (await serve_site.sign_in("wrong password")).status == HTTPStatus.UNAUTHORIZED
    assert (await serve_site.sign_in("wrong password")).status == HTTPStatus.TOO_MANY_REQUESTS
    refused = await serve_site.sign_in()

    assert refused.status == HTTPStatus.TOO_MANY_REQUESTS
    assert 1 <= int(refused.headers["Retry-After"]) <= WAIT_SECONDS_MIN


async def test_wrong_passwords_on_other_servers_count(serve_site: Site) -> None:
    """Each server shares its count with the others."""
    limits = serve_site.services.limits
    limits.unreported = Counter()
    assert (await serve_site.sign_in("wrong password")).status == HTTPStatus.UNAUTHORIZED
    [(name, source)] = limits.unreported.elements()
    limits.count_reported(name, source, 4)

    assert (await serve_site.sign_in()).status == HTTPStatus.TOO_MANY_REQUESTS


async def test_live_streams_of_an_address_are_limited(make_site: MakeSite) -> None:
    """Of the portal and the admin API together; one that ends makes room."""
    site = await make_site(config.SERVE, SKYLOGIN_LIMITS="streams=1")
    await site.sign_in()
    path = "/_admin/v1/apps/myapp/logins/follow"
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}

    async with site.browser.get(path, headers=headers) as first:
        assert first.status == HTTPStatus.OK
        async with site.browser.get(path, headers=headers) as second:
            assert second.status == HTTPStatus.TOO_MANY_REQUESTS
            assert "the limit streams" not in await second.text()
        first.close()
    assert site.services.limits.hits == {"streams": 1}


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_stranger_sends_little(serve_site: Site, is_chunked: bool) -> None:
    """The form of somebody who is not known yet is small, even if it is right."""
    large = f"form_token={STRANGERS_TOKEN}&password={'x' * SIGN_IN_BYTES_MAX}".encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield large

    answer = await serve_site.send(
        "POST",
        "portal/sign-in",
        session=STRANGER,
        data=chunks() if is_chunked else large,
        headers={"Content-Type": FORM_TYPE},
    )

    assert answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


async def test_strangers_lock_nobody_out(make_site: MakeSite) -> None:
    """Neither a hundred wrong passwords of others, nor those of the operator's own network."""
    site = await make_site(config.SERVE, SKYLOGIN_TRUSTED_PROXIES="127.0.0.1")
    await site.sign_in()
    key, token = site.session_key, site.form_token

    async def sign_in(address: str, password: str, session: str = "") -> int:
        answer = await site.send(
            "POST",
            "portal/sign-in",
            session=session or STRANGER,
            headers={"X-Forwarded-For": address},
            data={"password": password, "form_token": token if session else STRANGERS_TOKEN},
        )
        return answer.status

    ours = [await sign_in("2001:db8::1", "wrong") for _ in range(6)]
    for number in range(20):
        await asyncio.gather(*(sign_in(f"192.0.2.{number}", "wrong") for _ in range(6)))

    assert ours == [401] * 5 + [429]
    assert await sign_in("2001:db8::ffff:2", PASSWORD) == HTTPStatus.TOO_MANY_REQUESTS
    assert await sign_in("2001:db8:0:1::1", PASSWORD) == HTTPStatus.SEE_OTHER
    assert await sign_in("198.51.100.1", PASSWORD) == HTTPStatus.SEE_OTHER
    assert await sign_in("2001:db8::1", PASSWORD, session=key) == HTTPStatus.SEE_OTHER


async def test_the_audit_list_keeps_refused_sign_ins(serve_site: Site) -> None:
    """One row for each password that was checked."""
    for _ in range(7):
        await serve_site.sign_in("wrong password")

    acts = await list_acts(serve_site.operator, EVERY_APP)
    numbers = [act.details["attempts"] for act in acts if act.name == REFUSED]
    assert numbers == [5, 4, 3, 2, 1]


async def test_simultaneous_wrong_passwords_are_limited_too(serve_site: Site) -> None:
    """As few of them are checked as of consecutive ones."""
    await serve_site.get("sign-in")

    answers = await asyncio.gather(
        *(serve_site.post("sign-in", password=f"wrong {number}") for number in range(20))
    )

    assert sorted(answer.status for answer in answers) == [401] * 5 + [429] * 15


async def test_right_passwords_are_not_limited(serve_site: Site) -> None:
    """The audit list shows none of them as refused."""
    for _ in range(7):
        assert (await serve_site.sign_in()).status == HTTPStatus.SEE_OTHER

    acts = await list_acts(serve_site.operator, EVERY_APP)
    assert "portal.sign_in_refused" not in [act.name for act in acts]


@pytest.mark.parametrize("kind", ["bcrypt", "argon2"])
async def test_the_password_may_be_set_as_a_hash(kind: str, make_site: MakeSite) -> None:
    """The hash itself does not sign in."""
    hashed = {
        "bcrypt": lambda: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
        "argon2": lambda: argon2.PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD),
    }[kind]()
    site = await make_site(config.SERVE, SKYLOGIN_ADMIN_PASSWORD=hashed)

    assert (await site.sign_in(hashed)).status == HTTPStatus.UNAUTHORIZED
    assert (await site.sign_in()).status == HTTPStatus.SEE_OTHER
    assert (await site.get("users")).status == HTTPStatus.OK


async def test_the_cookie_is_hidden_from_scripts_and_other_sites(serve_site: Site) -> None:
    """The database has only a hash of its key."""
    cookie = (await serve_site.sign_in()).headers["Set-Cookie"]

    for attribute in ("HttpOnly", "SameSite=Strict", "Path=/portal/"):
        assert attribute in cookie
    assert serve_site.session_key not in "\n".join(serve_site.state())


async def test_pages_forbid_frames_and_foreign_content(serve_site: Site) -> None:
    """By their Content-Security-Policy."""
    await serve_site.sign_in()

    policy = (await serve_site.get("users")).headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_signing_out_ends_the_session(serve_site: Site) -> None:
    """Its key no longer shows any page."""
    await serve_site.sign_in()
    key = serve_site.session_key

    signed_out = await serve_site.post("sign-out")
    page = await serve_site.send("GET", "portal/users", session=key)

    assert signed_out.status == HTTPStatus.SEE_OTHER
    assert (page.status, page.headers["Location"]) == (303, "/portal/sign-in")
