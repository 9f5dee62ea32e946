"""What the pages repeat from the code: docs/supported.md, and the tables of some other pages.

`python -m tests.docs.generated` writes it; a test fails while a page says something else.
"""

import inspect
import re
from collections.abc import Iterator

import typer
from skylogin.actions.table import ACTIONS
from skylogin.cli import main
from skylogin.config import SETTINGS
from skylogin.domain.limit_table import LIMITS
from skylogin.domain.stored_names import CUSTOM_TOKEN
from skylogin.tokens.bad_tokens import KINDS
from skylogin.web.metrics_page import make_metrics

from tests.docs.pages import PAGES, ROOT

# A row stays on one line, whatever its length.
# ruff: noqa: E501

# Every action of Skygear server 1.7.3, in the order of its routes, and what it does.
ORIGINAL = {
    "": 'Answers that the server is up: `{"status": "OK"}`.',
    "_status:healthz": "The same.",
    "auth:signup": "Creates a user from `auth_data`, `password` and `profile`, or an anonymous user from nothing. The user gets the default roles.",
    "auth:login": "Logs in with `auth_data` and `password`. The first complete set of unique fields identifies the user.",
    "auth:logout": "Revokes the access token if the token store is `fs` or `redis`. Signed tokens (`jwt`) stay valid.",
    "auth:password": "Sets a new `password`, given the `old_password`, and revokes older access tokens.",
    "auth:reset_password": "Sets the `password` of the user `auth_id`, and revokes older access tokens.",
    "auth:disable:set": "Disables or enables the user `auth_id`, with a `message` and an `expiry`.",
    "sso:oauth:login": "Logs in the user linked with `provider` and `principal_id`.",
    "sso:oauth:signup": "Creates a user with `profile`, linked with `provider` and `principal_id`.",
    "sso:oauth:link": "Links the user `user_id` with `provider` and `principal_id`.",
    "sso:oauth:unlink": "Removes the user's link with `provider`.",
    "sso:custom_token:login": "Logs in with the custom token `token`. The first login creates the user.",
    "asset:put": "Prepares the upload of a file.",
    "record:fetch": "Returns the records `ids` of the database `database_id`, with an error in place of each that the caller cannot read.",
    "record:query": "Returns the records of a `record_type` that match `predicate`, ordered by `sort`, from `offset` up to `limit`; with `count` their number, with `include` the records they refer to.",
    "record:save": "Saves `records`, each on its own, or all or none with `atomic`. New types and fields are created if the call may do so (`SKYLOGIN_SCHEMA_CHANGES`, `DEV_MODE`).",
    "record:delete": "Deletes the records `ids`, each on its own, or all or none with `atomic`. User records are never deleted.",
    "device:register": "Registers a device of the caller: `type`, `device_token`, `topic`; with `id`, an existing one.",
    "device:unregister": "Removes the user from the device `id`.",
    "subscription:fetch_all": "Lists the subscriptions of a device.",
    "subscription:fetch": "Returns subscriptions of a device.",
    "subscription:save": "Subscribes a device to the records that match a query.",
    "subscription:delete": "Deletes subscriptions of a device.",
    "relation:query": "Lists friends or followers of a user.",
    "relation:add": "Adds friends or followers.",
    "relation:remove": "Removes friends or followers.",
    "me": "Returns the caller's user record and a new access token.",
    "role:default": "Sets the `roles` that every new user gets.",
    "role:admin": "Sets the `roles` that make a user an administrator.",
    "role:assign": "Gives `roles` to `users`.",
    "role:revoke": "Takes `roles` from `users`.",
    "role:get": "Returns the roles of `users`. Users who are not administrators can get only their own.",
    "push:user": "Sends a push notification to users.",
    "push:device": "Sends a push notification to devices.",
    "schema:rename": "Renames the field `item_name` of `record_type` to `new_name`.",
    "schema:delete": "Deletes the field `item_name` of `record_type` and its values.",
    "schema:create": "Creates the types and fields of `record_types`.",
    "schema:fetch": "Returns every record type with its fields.",
    "schema:access": "Sets the roles (`create_roles`) that may create records of `type`; without any, every user may.",
    "schema:default_access": "Sets the access list of new records of `type` that are saved without one.",
    "schema:field_access:get": "Returns the access rules for fields, in their order of precedence.",
    "schema:field_access:update": "Replaces the access rules for fields by `access`.",
}  # fmt: skip

# What an emulated action does not do.
PARTLY = {
    "record:query": "relations between users, so predicates about them match nothing; locations within a shape (501).",
    "record:save": "assets (a value that refers to one is refused), hooks and subscriptions.",
}  # fmt: skip

# What the preprocessors of an action ask for, by the last of them that decides.
NEEDS = {
    "require_admin": "master key, or a user with an admin role",
    "require_master_key": "master key",
    "dev_only": "API key in `DEV_MODE`, or master key",
    "require_auth": "access token, or master key",
    "require_auth_to_change_password": "access token",
    "authenticate": "a key or an access token",
    "check_access_key": "API key or master key",
}
# Its handler, not a preprocessor, turns away a caller without a user.
NEEDS_OF = {"role:get": "access token, or master key"}

INTRODUCTION = """\
# What is supported

Every action of Skygear server 1.7.3, in the order of its routes. An action is called by its name
(`{"action": "auth:login"}`) or by its path (`/auth/login`); *needs* is what the call has to contain. An action that is not
emulated is answered with 404 `UndefinedOperation` and a message such as `push:user is not emulated by skylogin`, unless a
test answers it with a [stub](controls.md#stubs). [The wire](wire.md#deliberate-differences) lists the differences of
emulated actions.

| action | emulated | needs | what it does |
| --- | --- | --- | --- |
"""

DECISIONS = """\
# Decisions

The reasons behind the code: for each decision the context, the decision itself, and what was given up.

"""

BESIDE = """
Other parts of Skygear:

| | emulated |
| --- | --- |
| websockets at `/pubsub` and `/_/pubsub` | yes |
| access tokens signed (`TOKEN_STORE=jwt`), in files (`fs`) and in Redis (`redis`) | yes |
| OAuth links (`sso:oauth:*`) | yes, as a plugin calls them; the OAuth flow itself is a plugin |
| assets at `/files/` | uploads, with [stubs](controls.md#stubs) |
| `user:forgot-password`, `user:reset-password`, `user:verify_request` and `user:verify_code` of Skygear's plugin | under `skylogin dev`, with an [outbox](controls.md#the-outbox) |
| cloud functions | with [stubs](controls.md#stubs) |
| other parts of plugins: hooks, timers, handlers | no |
| slave mode | no |
"""


def render() -> dict[str, str]:
    """Return the pages as they have to be."""
    return {
        "docs/decisions/index.md": _decisions(),
        "docs/supported.md": _supported(),
        "docs/settings.md": _with_rows(
            "docs/settings.md",
            "variable | default | what it is",
            [
                f"`{one.variable}` | {f'`{one.default}`' if one.default else 'none'} | {one.about}"
                for one in SETTINGS
            ],
        ),
        "docs/commands.md": _with_rows(
            "docs/commands.md",
            "command | what it does",
            [f"`skylogin {name}` | {about}" for name, about in commands()],
        ),
        "docs/limits.md": _with_rows(
            "docs/limits.md",
            "limit | default | what is limited | for each",
            [f"`{one.name}` | `{one.default}` | {one.what} | {one.whose}" for one in LIMITS],
        ),
        "docs/metrics.md": _with_rows(
            "docs/metrics.md",
            "name | labels | what it is",
            [
                f"`{one.name}` | {', '.join(f'`{label}`' for label in one.labels) or 'none'} | {one.about}"
                for one in make_metrics().families
            ],
        ),
        "docs/testing.md": _with_rows(
            "docs/testing.md",
            "kind | the token | reason",
            [f"`{name}` | {kind.about} | `{kind.reason}`" for name, kind in KINDS.items()],
        ),
    }


def _decisions() -> str:
    links = (
        f"- [{text.splitlines()[0].removeprefix('# ')}]({page.rpartition('/')[2]})\n"
        for page, text in PAGES.items()
        if page.startswith("docs/decisions/0")
    )
    return DECISIONS + "".join(links)


def _supported() -> str:
    rows = "".join(_row(name, about) for name, about in ORIGINAL.items())
    return f"{INTRODUCTION}{rows}{BESIDE}"


def _row(name: str, about: str) -> str:
    action = f"`{name}`" if name else '`""` (no action)'
    if name not in ACTIONS:
        return f"| {action} | no | | {about} |\n"
    if ACTIONS[name].login not in ("", CUSTOM_TOKEN):
        about += " Under `skylogin serve` only with `SKYLOGIN_LOGINS=all`."
    if name not in PARTLY:
        return f"| {action} | yes | {_needs(name)} | {about} |\n"
    return f"| {action} | partly | {_needs(name)} | {about} Not emulated: {PARTLY[name]} |\n"


def _needs(name: str) -> str:
    if name in NEEDS_OF:
        return NEEDS_OF[name]
    checks = {check.__name__ for check in ACTIONS[name].preprocessors}
    return next((text for check, text in NEEDS.items() if check in checks), "nothing")


def commands() -> list[tuple[str, str]]:
    """Return every command with the first sentence of its help, in the order of the help."""
    return [(name, about) for name, about in _commands(main.make_app())]


def _commands(app: typer.Typer, group: str = "") -> Iterator[tuple[str, str]]:
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.replace("_", "-")
        yield f"{group}{name}", (inspect.getdoc(command.callback) or "").split("\n")[0]
    for inner in app.registered_groups:
        assert isinstance(inner.typer_instance, typer.Typer)
        yield from _commands(inner.typer_instance, f"{inner.name} ")


def _with_rows(page: str, columns: str, rows: list[str]) -> str:
    """Return *page* with these rows in the table that has these columns."""
    table = "".join(f"| {row} |\n" for row in rows)
    pattern = rf"(^\| {re.escape(columns)} \|\n\|[ |-]*\|\n)(?:\|.*\n)*"
    changed, found = re.subn(pattern, lambda head: head[1] + table, PAGES[page], flags=re.M)
    assert found == 1, f"{page} has {found} tables with the columns {columns}"
    return changed


if __name__ == "__main__":
    for name, text in render().items():
        (ROOT / name).write_text(text, encoding="utf-8")
