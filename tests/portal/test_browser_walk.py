"""The tasks of an operator, in a real browser, with JavaScript and without."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from skylogin.clock import system_now
from skylogin.testing import LoginRefusedError

from tests.browsers import Client
from tests.processes import StartServer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser walk")]

SEEN_MILLISECONDS_MAX = 2000
# Three from the fixture, and the test's own.
SIGNED = 3 + 1


@pytest.fixture(params=[True, False], ids=["JavaScript", "no JavaScript"])
def page(request: pytest.FixtureRequest, browser: Any, client: Client) -> Iterator[Any]:
    """A page of the portal. It must not log errors, nor load anything from elsewhere."""
    context = browser.new_context(java_script_enabled=request.param)
    page = context.new_page()
    page.set_default_timeout(8000)
    errors: list[str] = []
    page.on("console", lambda message: _note(errors, message))
    page.on("pageerror", lambda error: errors.append(str(error)))
    loaded: set[str] = set()
    page.on("request", lambda request: loaded.add(request.url))
    page.goto(f"{client.server.url}/portal/")
    page.has_scripts = request.param
    yield page
    context.close()
    assert errors == []
    assert {url for url in loaded if not url.startswith(client.server.url)} == set()


def _note(errors: list[str], message: Any) -> None:
    # The browser logs the status of a refused form.
    if message.type == "error" and "Failed to load resource" not in message.text:
        errors.append(message.text)


def go(page: Any, name: str) -> None:
    """Follow a link of the navigation."""
    page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()


def test_a_secret_is_shown_rotated_and_revoked(page: Any, client: Client) -> None:
    """The next token signed with the old one is refused, one signed with the new one logs in."""
    old = client.server.custom_token_secret
    assert old not in page.content()
    page.get_by_role("link", name="Show it here").click()
    assert page.locator("#secret").inner_text() == old
    assert old in page.locator("#javascript").inner_text()

    go(page, "Secrets")
    page.get_by_label("Hours that the old secrets stay accepted").fill("2")
    page.get_by_role("button", name="Make a new secret").click()
    assert "The new secret is ready" in page.get_by_role("status").inner_text()
    new = page.locator("article pre").first.inner_text()
    assert new != old
    assert [client.log_in("anna", secret) for secret in (old, new)] == [200, 200]

    row = page.locator("article").filter(has_text="until in")
    row.get_by_role("link", name="Revoke").click()
    assert "cannot be undone" in page.locator("main").inner_text()
    page.get_by_role("button", name="Revoke").click()
    assert "is revoked" in page.get_by_role("status").inner_text()
    assert [client.log_in("anna", secret) for secret in (old, new)] == [400, 200]


def test_no_login_fails_while_secrets_are_rotated(page: Any, client: Client) -> None:
    """Clients use the old secret until they get the new one."""
    secrets = [client.server.custom_token_secret]
    done = threading.Event()

    def log_in_repeatedly() -> None:
        while not done.is_set():
            client.statuses.append(client.log_in("anna", secrets[-1]))

    threads = [threading.Thread(target=log_in_repeatedly) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        go(page, "Secrets")
        page.get_by_role("button", name="Make a new secret").click()
        secrets.append(page.locator("article pre").first.inner_text())
        number = len(client.statuses) + len(threads)
        while len(client.statuses) < number:
            page.wait_for_timeout(10)
    done.set()
    for thread in threads:
        thread.join()

    assert set(client.statuses) == {200}
    assert len(client.statuses) > len(secrets)


def test_a_user_is_found_changed_and_deleted(page: Any, client: Client) -> None:
    """Disabled, enabled, edited, given roles."""
    go(page, "Users")
    assert page.locator("tbody tr").count() == 3  # noqa: PLR2004
    page.get_by_label("Sub, e-mail, user name or id").fill("BERT@")
    page.get_by_role("button", name="Search").click()
    page.locator("tbody a").click()
    assert page.locator("h1").inner_text() == "bert"

    page.get_by_text("Disable", exact=True).first.click()
    page.get_by_label("Message to the user").fill("Call <us>")
    page.get_by_role("button", name="Disable").click()
    assert "Call <us>" in page.locator("main").inner_text()
    assert client.log_in("bert") == HTTPStatus.FORBIDDEN
    page.get_by_role("button", name="Enable").click()
    assert client.log_in("bert") == HTTPStatus.OK

    page.locator("textarea[name=profile]").fill('{"username": "anna"}')
    page.get_by_role("button", name="Save").click()
    assert page.get_by_role("alert").inner_text() == "another user has the same username"
    page.locator("textarea[name=profile]").fill('{"username": "robert", "age": 5}')
    page.get_by_role("button", name="Save").click()
    assert page.locator("h1").inner_text() == "robert"
    assert "bert@example.com" not in page.locator("main").inner_text()

    page.get_by_label("Roles, separated by commas").fill("reader, writer")
    page.get_by_role("button", name="Set roles").click()
    assert "reader, writer" in page.locator("dl").inner_text()

    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    assert "deleted" in page.get_by_role("status").inner_text()
    assert page.locator("tbody tr").count() == 2  # noqa: PLR2004


def test_a_refused_login_appears_and_is_explained(page: Any, client: Client) -> None:
    """Within two seconds."""
    app = client.server.app()
    # Otherwise the page may say 13 s, if a second passes between the token and the login.
    app.clock.freeze()
    go(page, "Logins")
    if page.has_scripts:
        page.get_by_text("Live").wait_for()
    with pytest.raises(LoginRefusedError, match=r"^400 "):
        app.login("mallory", expires_in=-12)
    if not page.has_scripts:
        page.reload()
    row = page.locator("tbody tr").filter(has_text="mallory")
    row.wait_for(timeout=SEEN_MILLISECONDS_MAX)
    assert "expired" in row.inner_text()
    row.get_by_role("link").first.click()
    assert "expired 12 s ago" in page.locator("main").inner_text()
    at_fault = page.locator("tr.at-fault")
    assert at_fault.locator("th").inner_text() == "exp"
    assert "12 seconds before the login attempt" in at_fault.inner_text()
    assert "skylogin token mint --url" in page.locator("#again").inner_text()


def test_the_token_of_a_login_attempt_is_shown(page: Any, client: Client) -> None:
    """Header and claims with the profile, and the command that makes such a token."""
    status = client.log_in("mallory", username="anna", tags=["a", {"b": 1}])
    assert status == HTTPStatus.CONFLICT
    go(page, "Logins")
    row = page.locator("tbody tr").filter(has_text="mallory")
    row.get_by_role("link").first.click()

    header, claims = (page.locator("table").nth(place) for place in (0, 1))
    assert header.locator("th").all_inner_texts() == ["alg", "typ"]
    assert claims.locator("th").all_inner_texts() == ["sub", "iat", "exp", "skyprofile"]
    at_fault = page.locator("tr.at-fault")
    assert at_fault.locator("th").inner_text() == "skyprofile"
    assert json.loads(at_fault.locator("code").last.inner_text()) == {
        "username": "anna", "tags": ["a", {"b": 1}],
    }  # fmt: skip
    again = page.locator("#again").inner_text()
    assert """--claim 'skyprofile={"username": "anna", "tags": ["a", {"b": 1}]}'""" in again
    # The secret links to every attempt with it.
    page.locator("dl a[href*=secret_id]").click()
    assert "By user, secret or time" in page.locator("details[open]").inner_text()
    assert page.locator("tbody tr").count() == SIGNED


def test_logins_are_filtered(page: Any, client: Client) -> None:
    """By principal, user, secret and time; new ones too."""
    assert client.log_in("mallory", secret="wrong") == HTTPStatus.BAD_REQUEST
    go(page, "Logins")

    def seen() -> list[str]:
        return sorted(row.split("\t")[3] for row in page.locator("tbody tr").all_inner_texts())

    def show(**fields: str) -> list[str]:
        for label, text in fields.items():
            page.get_by_label(label.replace("_", " ")).fill(text)
        page.get_by_role("button", name="Show", exact=True).click()
        return seen()

    assert seen() == ["anna", "bert", "mallory", "zoe"]
    assert show(Principal="bert") == ["bert"]
    page.locator("tbody a").first.click()
    user_id = page.locator("dl a[href*=users] code").inner_text()
    page.get_by_role("link", name=user_id).click()
    page.get_by_role("link", name="All logins of this user").click()
    assert seen() == ["bert"]
    assert page.get_by_label("User id").input_value() == user_id

    # A browser leaves out seconds that are 0.
    now = system_now().replace(second=7)
    ago = (now - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S")
    soon = (now + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S")
    assert show(User_id="", Since=ago, Until=soon) == ["anna", "bert", "mallory", "zoe"]
    # A browser leaves out seconds that are 0.
    assert page.get_by_label("Since").input_value() == ago.removesuffix(":00")
    assert show(Until=ago, Since="") == []
    assert show(Until="", Since=soon) == []
    assert show(Since=soon, Until=ago) == []
    assert "later than Since" in page.locator("#until-problem").inner_text()
    assert page.get_by_label("Since").input_value() == soon.removesuffix(":00")

    assert show(Since=ago, Until=soon, Principal="mallory") == ["mallory"]
    if page.has_scripts:
        page.get_by_text("Live").wait_for()
    for name in ("anna", "mallory"):
        client.log_in(name, secret="wrong")
    if not page.has_scripts:
        page.reload()
    page.locator("tbody tr").nth(1).wait_for(timeout=SEEN_MILLISECONDS_MAX)
    assert seen() == ["mallory", "mallory"]


def test_a_token_is_explained(page: Any, client: Client) -> None:
    """The claim at fault is marked; a token that the page makes is accepted."""
    go(page, "Tokens")
    page.get_by_label("Custom token").fill(client.mint("anna", expires_in=-5))
    page.get_by_role("button", name="Explain").click()
    assert page.locator("tr.at-fault th").inner_text() == "exp"

    page.get_by_label("Seconds until it expires").fill("60")
    page.get_by_role("button", name="Make token").click()
    assert page.locator("h2 .badge").inner_text() == "accepted"


def test_the_start_page_logs_in(page: Any, client: Client) -> None:
    """As a client does."""
    page.get_by_label("Principal").fill("newcomer")
    page.get_by_label("Profile").fill('{"username": "newcomer"}')
    page.get_by_role("button", name="Log in").click()
    assert '"username": "newcomer"' in page.locator("#answer").inner_text()
    go(page, "Users")
    assert "newcomer" in page.locator("table").inner_text()


def test_an_app_is_created_and_deleted(page: Any, client: Client) -> None:
    """It has its own pages."""
    go(page, "Apps")
    page.get_by_label("Name").fill("Not a name")
    page.get_by_role("button", name="Create app").click()
    assert "not a valid name" in page.get_by_role("alert").inner_text()
    page.get_by_label("Name").fill("shop")
    page.get_by_role("button", name="Create app").click()
    assert page.locator("#endpoint").inner_text() == f"{client.server.url}/apps/shop/"
    go(page, "Users")
    assert "No users yet" in page.locator("main").inner_text()
    go(page, "Keys")
    before = page.locator("#api-key").inner_text()
    # This cannot be undone, so the button is folded away.
    assert not page.get_by_role("button", name="Replace keys").is_visible()
    page.get_by_text("Replace the keys").click()
    page.get_by_role("button", name="Replace keys").click()
    assert "keys are replaced" in page.get_by_role("status").inner_text()
    assert page.locator("#api-key").inner_text() != before
    page.get_by_label("Type shop to delete it").fill("shop")
    page.get_by_role("button", name="Delete").click()
    assert "The app and all its data are deleted" in page.get_by_role("status").inner_text()
    go(page, "Audit")
    page.get_by_role("link", name="Show apps and portal").click()
    text = page.locator("table").inner_text()
    assert "app.create" in text
    assert "app.delete" in text


@pytest.mark.parametrize("has_scripts", [True, False], ids=["JavaScript", "no JavaScript"])
def test_an_operator_signs_in_and_out(
    has_scripts: bool, browser: Any, start_server: StartServer, tmp_path: Path
) -> None:
    """The portal of `skylogin serve` shows nothing without a password."""
    server = start_server(
        "serve", "--migrate", "--port", "0", "--database", f"sqlite:///{tmp_path / 'endpoint.db'}",
        API_KEY="an-api-key", MASTER_KEY="a-master-key-of-ours",
        SKYLOGIN_ADMIN_PASSWORD="open sesame, please",
    )  # fmt: skip
    context = browser.new_context(java_script_enabled=has_scripts)
    page = context.new_page()
    page.goto(f"{server.url}portal/users")
    assert page.url == f"{server.url}portal/sign-in"
    page.get_by_label("Password").fill("open says me, please")
    page.get_by_role("button", name="Sign in").click()
    assert "wrong password" in page.get_by_role("alert").inner_text()
    page.get_by_label("Password").fill("open sesame, please")
    page.get_by_role("button", name="Sign in").click()
    assert page.locator("h1").inner_text() == "Start"
    assert page.get_by_text("Try a login").count() == 0
    go(page, "Secrets")
    page.get_by_role("button", name="Make a new secret").click()
    assert "The new secret is ready" in page.get_by_role("status").inner_text()

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{server.url}portal/sign-in")
    page.goto(f"{server.url}portal/secrets")
    assert page.url == f"{server.url}portal/sign-in"
    context.close()


def test_the_page_tests_controls_an_app(page: Any, client: Client) -> None:
    """A fault, the clock, a snapshot, a reset."""
    go(page, "Users")
    before = page.locator("tbody tr").count()
    assert before
    go(page, "Tests")
    page.get_by_text("Add a fault").click()
    page.locator("select[name=kind]").select_option("status")
    page.get_by_role("button", name="Add fault").click()
    assert "status 503" in page.locator("tbody").inner_text()
    assert [client.log_in("anna"), client.log_in("anna")] == [503, 200]
    page.reload()
    assert "No faults in force" in page.locator("main").inner_text()

    page.get_by_label("Seconds (negative: back)").fill("7200")
    page.get_by_role("button", name="Advance").click()
    assert "in 2 hours by server time" in page.locator("main").inner_text()
    assert client.log_in("anna") == HTTPStatus.BAD_REQUEST
    go(page, "Users")
    assert "A test moved the clock" in page.locator("main").inner_text()
    go(page, "Tests")
    page.get_by_role("button", name="Reset to server time").click()
    assert client.log_in("anna") == HTTPStatus.OK

    page.get_by_label("Name", exact=True).fill("three")
    page.get_by_role("button", name="Take snapshot").click()
    page.get_by_label("to reset it").fill("another")
    page.get_by_role("button", name="Reset", exact=True).click()
    assert "Type myapp" in page.get_by_role("alert").inner_text()
    page.get_by_label("to reset it").fill("myapp")
    page.get_by_role("button", name="Reset", exact=True).click()
    go(page, "Users")
    assert page.locator("tbody tr").count() == 0
    go(page, "Tests")
    page.get_by_role("button", name="Restore").click()
    go(page, "Users")
    assert page.locator("tbody tr").count() == before
