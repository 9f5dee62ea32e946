"""What changes an app as a whole: reset, snapshots, seeds, deleting, new keys."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
import requests
from skylogin.testing import AdminError, LoginRefusedError, SkyloginApp, SkyloginServer

pytestmark = pytest.mark.slow

SOME_DAY = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_a_reset_empties_the_app(skylogin: SkyloginApp) -> None:
    """Users, login attempts, faults and the clock are reset; keys and secrets stay."""
    secret = skylogin.secret
    skylogin.clock.freeze(SOME_DAY)
    skylogin.login("alice")
    skylogin.faults.drop()
    skylogin.reset()

    assert len(skylogin.users) == len(skylogin.logins) == 0
    assert list(skylogin.faults) == []
    assert skylogin.clock.now() < SOME_DAY
    assert skylogin.secret == secret
    assert skylogin.login("alice").last_login_at is None


def test_a_snapshot_is_deleted(skylogin: SkyloginApp) -> None:
    """A reset keeps snapshots, so there is another way to delete one."""
    skylogin.snapshot("empty")
    skylogin.reset()
    skylogin.restore("empty")
    skylogin.forget("empty")
    with pytest.raises(AdminError, match="no snapshot empty"):
        skylogin.restore("empty")
    with pytest.raises(AdminError, match="no snapshot empty"):
        skylogin.forget("empty")


def test_a_snapshot_is_restored(skylogin: SkyloginApp) -> None:
    """With the clock of that time."""
    skylogin.clock.freeze(SOME_DAY)
    skylogin.login("alice")
    skylogin.snapshot("one-user")
    skylogin.users["alice"].delete()
    skylogin.login("bob")
    skylogin.clock.reset()
    skylogin.restore("one-user")

    assert set(skylogin.users) == {"alice"}
    assert skylogin.clock.now() == SOME_DAY
    with pytest.raises(AdminError, match=r"404: .*no snapshot another"):
        skylogin.restore("another")


def test_a_seed_is_applied_and_exported(skylogin: SkyloginApp, tmp_path: Path) -> None:
    """From a dictionary or a file; an export can be applied again."""
    skylogin.seed({"users": [{"sub": "alice", "profile": {"name": "Alice"}, "roles": ["editor"]}]})
    path = tmp_path / "users.yaml"
    path.write_text("users:\n  - sub: bob\n    disabled: {message: not today}\n")
    skylogin.seed(path)
    exported = skylogin.export()
    skylogin.reset()
    skylogin.seed(exported)

    assert set(skylogin.users) == {"alice", "bob"}
    assert skylogin.users["alice"].roles == ("editor",)
    assert skylogin.users["bob"].disabled_message == "not today"


def test_an_invalid_seed_names_the_line(skylogin: SkyloginApp, tmp_path: Path) -> None:
    """With file and field."""
    path = tmp_path / "users.yaml"
    path.write_text("users:\n  - sub: bob\n    shoesize: 44\n")

    with pytest.raises(ValueError, match=r"users\.yaml:3: users\[0\]\.shoesize"):
        skylogin.seed(path)


def test_a_seed_of_several_apps_fills_the_one_of_the_same_name(
    skylogin: SkyloginApp, tmp_path: Path
) -> None:
    """One of them must have the app's name; a single app is used whatever its name."""
    path = tmp_path / "users.json"
    one = {"users": [{"sub": "alice"}]}
    path.write_text(json.dumps({"apps": {"myapp": one}}))
    skylogin.seed(path)
    path.write_text(json.dumps({"apps": {"myapp": one, "another": one}}))

    assert set(skylogin.users) == {"alice"}
    with pytest.raises(ValueError, match=f"has the apps myapp, another, but not {skylogin.name}"):
        skylogin.seed(str(path))


def test_apps_do_not_see_each_other(skylogin: SkyloginApp, skylogin_server: SkyloginServer) -> None:
    """Nor each other's clocks."""
    other = skylogin_server.app("another")
    other.clock.freeze(SOME_DAY)
    other.login("alice")

    assert "alice" not in skylogin.users
    assert skylogin.clock.now() < SOME_DAY
    other.delete()


def test_an_app_that_is_created_again_is_new(skylogin_server: SkyloginServer) -> None:
    """It has none of the old one's clock, faults and login attempts."""
    app = skylogin_server.app("again")
    app.clock.freeze(SOME_DAY)
    app.faults.error("ResourceNotFound", calls=5)
    with pytest.raises(LoginRefusedError):
        app.login_with("no token")
    app.delete()

    app = skylogin_server.app("again")

    assert abs(app.clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert list(app.faults) == []
    app.login("alice")
    assert [one.accepted for one in app.logins] == [True]


def test_an_app_with_its_own_keys_has_its_own_secret(skylogin_server: SkyloginServer) -> None:
    """Tokens are signed with that secret, and accepted."""
    name = "keyed"
    skylogin_server.app(name).login("alice")
    url = f"{skylogin_server.url}/_admin/v1/apps/{name}/rotate-keys"
    answer = requests.post(url, headers={"Authorization": "Bearer secret"}, timeout=10)
    assert answer.ok, answer.text
    app = skylogin_server.app(name)

    app.login("alice")

    assert app.secret != skylogin_server.custom_token_secret
    claims = jwt.decode(app.mint("alice"), app.secret, algorithms=["HS256"])
    assert claims["sub"] == "alice"
    assert app.login_with(jwt.encode(claims, app.secret)).user_id == app.users["alice"].id
