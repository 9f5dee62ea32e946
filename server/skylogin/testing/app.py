"""One app as a test sees it: it mints tokens, logs in, and inspects and changes the app."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from skylogin.client.admin_api import AdminClient, HttpTransport, read_optional_time
from skylogin.client.connections import Connections, HttpAnswer
from skylogin.client.errors import CallRefusedError, LoginRefusedError, json_object
from skylogin.testing.bad_tokens import BadTokens
from skylogin.testing.calls import Calls
from skylogin.testing.clock import AppClock
from skylogin.testing.faults import Faults
from skylogin.testing.login_attempts import Attempts
from skylogin.testing.outbox import Outbox
from skylogin.testing.stubs import Stubs
from skylogin.testing.users import Users, profile_of

LOGIN = "sso:custom_token:login"
OK = 200


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The result of a login. *profile* has the application's fields, *record* all of them."""

    user_id: str
    access_token: str = field(repr=False)
    profile: Mapping[str, Any]
    record: Mapping[str, Any]
    roles: tuple[str, ...]
    last_login_at: datetime | None
    last_seen_at: datetime | None


class SkyloginApp:
    """One app of a running `skylogin dev`, in this process or elsewhere.

    Every look at users, login attempts, calls, clock, faults and stubs asks the server, so they are
    never stale. That takes about a millisecond, and works in any thread. An app can be pickled for
    another process.
    """

    def __init__(self, connections: Connections, transport: HttpTransport, name: str) -> None:
        self.name = name
        self._connections = connections
        self._admin = AdminClient(transport, name)
        self.users = Users(self._admin)
        self.logins = Attempts(self._admin)
        self.clock = AppClock(self._admin)
        self.faults = Faults(self._admin)
        self.stubs = Stubs(self._admin)
        self.calls = Calls(self._admin)
        self.outbox = Outbox(self._admin)
        self.bad = BadTokens(self._mint)

    def __repr__(self) -> str:
        """Show the app's name and server, but none of its keys."""
        return f"<SkyloginApp {self.name} at {self._connections.url}>"

    @cached_property
    def _facts(self) -> Mapping[str, Any]:
        facts: Mapping[str, Any] = self._admin.get()
        return facts

    @property
    def url(self) -> str:
        """Return the endpoint for Skygear's SDKs. It ends with a slash."""
        return f"{self._connections.url}{self._facts['path']}"

    @property
    def portal(self) -> str:
        """Return the URL of the app in the portal."""
        return f"{self._connections.url}/portal/apps/{self.name}/"

    @property
    def api_key(self) -> str:
        """Return the API key for clients."""
        return str(self._facts["api_key"])

    @property
    def master_key(self) -> str:
        """Return the master key, for the operator's own servers."""
        return str(self._facts["master_key"])

    @cached_property
    def secret(self) -> str:
        """Return the secret that signs custom tokens: your server's CUSTOM_TOKEN_SECRET."""
        listed = self._admin.get("secrets")["secrets"]
        accepted = [one["id"] for one in listed if one["accepted"]]
        if not accepted:
            raise LookupError(f"the app {self.name} accepts no custom token secret")
        return str(self._admin.get("secrets", accepted[0])["secret"])

    # --- tokens ------------------------------------------------------------------

    def mint(
        self,
        sub: str,
        profile: Mapping[str, object] | None = None,
        *,
        expires_in: int = 3600,
        algorithm: str = "HS256",
        **claims: object,
    ) -> str:
        """Return a custom token for *sub*, issued now by the app's clock.

        *claims* are added to the token, or replace the default ones.
        """
        return self._mint(None, sub, profile, claims, expires_in=expires_in, algorithm=algorithm)

    def _mint(
        self,
        bad: str | None,
        sub: str,
        profile: Mapping[str, object] | None,
        claims: Mapping[str, object],
        **how: object,
    ) -> str:
        skyprofile = None if profile is None else dict(profile)
        answer = self._admin.post(
            "tokens", sub=sub, skyprofile=skyprofile, claims=dict(claims), bad=bad, **how
        )
        return str(answer["token"])

    # --- calls of clients ----------------------------------------------------------

    def login(
        self, sub: str, profile: Mapping[str, object] | None = None, **claims: Any
    ) -> LoggedIn:
        """Mint a token for *sub* and log in with it. Raises LoginRefusedError."""
        return self.login_with(self.mint(sub, profile, **claims))

    def login_with(self, token: str) -> LoggedIn:
        """Log in with *token*. Raises LoginRefusedError."""
        answer = self._send(LOGIN, {"token": token}, self.api_key)
        if answer.status != OK:
            raise LoginRefusedError.of(answer)
        result = json_object(answer.body)["result"]
        record = result["profile"]
        return LoggedIn(
            user_id=result["user_id"],
            access_token=result["access_token"],
            profile=profile_of(record),
            record=record,
            roles=tuple(result.get("roles", ())),
            last_login_at=read_optional_time(result.get("last_login_at")),
            last_seen_at=read_optional_time(result.get("last_seen_at")),
        )

    def call(self, action: str, *, with_master_key: bool = False, **payload: object) -> Any:
        """Return the result of any action, called as a client would. Raises CallRefusedError.

        Pass the user's access token as `access_token=`.
        """
        key = self.master_key if with_master_key else self.api_key
        answer = self._send(action, payload, key)
        if answer.status != OK:
            raise CallRefusedError.of(answer)
        return json_object(answer.body).get("result")

    def _send(self, action: str, payload: Mapping[str, object], api_key: str) -> HttpAnswer:
        body = json.dumps({"action": action, "api_key": api_key, **payload}).encode()
        headers = {"Content-Type": "application/json"}
        return self._connections.send("POST", self._facts["path"], headers, body)

    # --- the whole app ---------------------------------------------------------------

    def reset(self) -> None:
        """Remove all users, login attempts, calls, faults and stubs, and reset the clock."""
        self._admin.ask("POST", "reset")

    def delete(self) -> None:
        """Delete the app with all of its data."""
        self._admin.ask("DELETE")

    def seed(self, seed: Mapping[str, object] | str | os.PathLike[str]) -> None:
        """Add the users of a seed: a dictionary, or the path of a YAML or JSON file.

        If a file has several apps, the one with this name is used. Raises ValueError on an
        invalid file, with all problems and their lines.
        """
        body = seed if isinstance(seed, Mapping) else self._read_seed(Path(seed))
        self._admin.ask("POST", "seed", body=dict(body))

    def _read_seed(self, path: Path) -> Mapping[str, object]:
        # On the start-up list: reading a seed takes most of what the server itself imports.
        from skylogin.seeds import reader  # noqa: PLC0415

        apps = reader.read(path.read_bytes(), str(path), self.name)
        of_this_name = [app for app in apps if app.name == self.name]
        found = of_this_name or apps
        if len(found) != 1:
            names = ", ".join(app.name for app in apps)
            raise ValueError(f"{path} has the apps {names}, but not {self.name}")
        return found[0].plain

    def export(self) -> dict[str, Any]:
        """Return the app's users as a seed."""
        exported: dict[str, Any] = self._admin.get("seed")
        return exported

    def snapshot(self, name: str) -> None:
        """Save the app's state, with its clock, as *name*. A reset keeps it."""
        self._admin.post("snapshots", name=name)

    def forget(self, name: str) -> None:
        """Delete the snapshot *name*. An app can have at most 20."""
        self._admin.ask("DELETE", "snapshots", name)

    def restore(self, name: str) -> None:
        """Restore the app and its stubs to the snapshot *name*, and remove faults."""
        self._admin.post("snapshots", name, "restore")
