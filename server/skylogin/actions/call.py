"""One call of an action: its input, and what the preprocessors add to it."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from skylogin.actions.services import Services
from skylogin.apps.faults import InjectedFault
from skylogin.apps.registry import App
from skylogin.domain.login_attempt import Origin
from skylogin.domain.user import EVERYBODY, Actor, User
from skylogin.errors import SkygearError
from skylogin.tokens.access_token import AccessToken


class AccessKey(Enum):
    """The kind of API key that a call sent."""

    NONE = "none"
    CLIENT = "client"
    MASTER = "master"


@dataclass(slots=True)
class Call:
    """One call of an action. Preprocessors fill in the fields with defaults."""

    app: App
    action: "Action"
    payload: Mapping[str, object]
    api_key: str
    access_token: str
    now: datetime
    origin: Origin
    # The origin of the web page that sent the call, if it must not use a default master key.
    foreign_page: str = ""
    access_key: AccessKey = AccessKey.NONE
    # The secret that signed the custom token, once the signature is verified.
    secret_id: str = ""
    token: AccessToken | None = None
    user_id: str = ""
    user: User | None = None
    # Empty for the public database, None for the union of all databases.
    database_id: str | None = ""
    # Whose user records the call may see.
    directory: str = EVERYBODY
    fault: InjectedFault | None = None
    # The stub that answered the call, if any.
    stub_id: str = ""

    @property
    def has_master_key(self) -> bool:
        """Return whether the call has the master key."""
        return self.access_key is AccessKey.MASTER

    @property
    def actor(self) -> Actor:
        """Return the caller, as access rules use it."""
        if self.user is None:
            return Actor(has_master_key=self.has_master_key, directory=self.directory)
        return Actor(self.user.id, self.user.roles, self.has_master_key, self.directory)


async def secrets_of(call: Call) -> set[str]:
    """Return the keys and secrets to mask wherever *call* is shown."""
    secrets = {call.app.master_key, call.api_key, call.access_token}
    with suppress(SkygearError):
        secrets.update(await call.app.secrets.last_texts(call.now))
    return secrets - {"", call.app.api_key}


Preprocessor = Callable[[Call, Services], Awaitable[None]]
Handler = Callable[[Call, Services], Awaitable[object]]


class Action(NamedTuple):
    """A row of the table of actions. If *logged*, its calls are in the login log.

    *login* is the kind of login that it belongs to, if any.
    """

    name: str
    handler: Handler
    preprocessors: tuple[Preprocessor, ...] = ()
    logged: bool = False
    login: str = ""
