"""`skylogin users`."""

from http import HTTPStatus

import pytest

from tests.cli.operated_server import OperatedServer

pytestmark = pytest.mark.slow


def test_users_are_found_and_changed(operated: OperatedServer) -> None:
    """As on the portal."""
    alice, bert = operated.log_in("alice"), operated.log_in("bert")

    def ids(*arguments: str) -> list[str]:
        return [row["id"] for row in operated.rows("users", "find", *arguments)]

    assert set(ids()) == {alice, bert}
    assert ids("bert") == [bert]
    assert ids("--subject", "alice") == [alice]
    assert f"{alice}\talice\t" in operated.do("users", "find")

    operated.do("users", "edit", alice, '{"nickname": "Al"}')
    operated.do("users", "roles", alice, "reader", "writer")
    shown = operated.rows("users", "show", alice)
    assert shown["profile"]["nickname"] == "Al"
    assert shown["roles"] == ["reader", "writer"]
    assert [(one["kind"], one["id"]) for one in shown["principals"]] == [("custom_token", "alice")]
    assert ids("--field", "nickname=Al") == [alice]
    lines = operated.do("users", "show", alice).splitlines()
    assert "profile nickname\tAl" in lines
    assert "principal\tcustom_token alice" in lines

    operated.do("users", "disable", alice, "--message", "Call us")
    assert operated.status_of_login("alice") == HTTPStatus.FORBIDDEN
    assert "disabled\tpermanently: Call us" in operated.do("users", "show", alice)
    assert ids("--disabled") == [alice]
    assert ids("--enabled") == [bert]
    assert ids("--sort", "created_at", "--limit", "1") == [alice]
    assert ids("--limit", "1000") == [bert, alice]
    operated.do("users", "enable", alice)
    assert operated.status_of_login("alice") == HTTPStatus.OK
    operated.do("users", "sign-out", alice)
    operated.do("users", "delete", bert, "--yes")
    assert ids() == [alice]


def test_a_user_is_named_by_sub_or_id(operated: OperatedServer) -> None:
    """A text that names two users is refused."""
    operated.do("users", "create", "alice", "--profile", '{"username": "al"}', "--role", "reader")
    alice = operated.rows("users", "show", "alice")
    assert (alice["profile"]["username"], alice["roles"]) == ("al", ["reader"])
    assert operated.rows("users", "show", alice["id"]) == alice
    assert operated.rows("users", "disable", "alice") == {"done": "disabled", "id": alice["id"]}
    operated.do("users", "enable", "alice")
    assert operated.log_in("alice") == alice["id"]
    assert operated.error("users", "create", "alice") == (
        "there is already a user with the sub alice"
    )

    other = operated.log_in(alice["id"])
    assert operated.error("users", "delete", alice["id"], "--yes") == (
        f"{alice['id']} is the sub of the user {other}, and the id of another user"
    )
    operated.do("users", "delete", "alice", "--yes")
    assert [row["id"] for row in operated.rows("users", "find")] == [other]


def test_what_cannot_be_done_is_refused_in_one_line(operated: OperatedServer) -> None:
    """Nothing changes."""
    alice = operated.log_in("alice")

    assert operated.error("users", "find", "--sort", "age").startswith("sort: 'age'")
    assert "is not a valid time" in operated.error("users", "disable", alice, "--until", "soon")
    missing = operated.error("users", "delete", "nobody", "--yes")
    assert missing == "there is no user nobody"
    asked = operated.run("users", "delete", alice, given="n\n")
    assert (asked.returncode, asked.stderr) == (1, "Nothing changed.\n")
    # A proxy would take it for the app itself.
    assert operated.error("users", "delete", "..", "--yes") == "'..' is not a valid name"
    for field in ("=x", "nickname"):
        message = operated.error("users", "find", "--field", field)
        assert message == f"--field {field!r} is not name=value"
    for changes in ('{"a": NaN}', '{"a": 1e999}'):
        assert operated.error("users", "edit", "x", changes).startswith("CHANGES is not JSON: ")
    # From a terminal that does not send UTF-8.
    assert operated.error("users", "show", "\udcff") == "'\\udcff' is not valid text"
    assert [row["id"] for row in operated.rows("users", "find")] == [alice]
